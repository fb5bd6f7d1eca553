import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Faults, parseFaults } from './faults.js';
import { startSimulator } from './simulator.js';

const HELP = `ComfyUI simulator: behaves like a ComfyUI 0.33.0 server, draws pictures without a model.

node dist/main.js [options]
  --port <n>         port on 127.0.0.1, 0 for a free one (default 8188)
  --data-dir <path>  folder of output/, input/ and temp/ (default: one in the system's temp folder)
  --step-delay <ms>  time of one sampling step (default 15)
  --checkpoint <f>   checkpoint file name to offer; may be repeated
  --preview <m>      none, auto, latent2rgb or taesd (default none)
  --gpu-name <text>  name of the device
  --vram-mb <n>      its memory in MiB (default 8192)
  --gpu-speed <n>    factor by which it samples faster (default 1)
  --faults <json>    switches set from the beginning, as POST /simulator/faults takes them
  --help             this text

Prints {"ready":true,"url":"…"} when it listens. SIGTERM and SIGINT end it.
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '8188' },
    'data-dir': { type: 'string' },
    'step-delay': { type: 'string', default: '15' },
    checkpoint: { type: 'string', multiple: true },
    preview: { type: 'string', default: 'none' },
    'gpu-name': { type: 'string' },
    'vram-mb': { type: 'string', default: '8192' },
    'gpu-speed': { type: 'string', default: '1' },
    faults: { type: 'string', default: '{}' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(HELP);
} else {
  const simulator = await startSimulator({
    port: wholeNumber('--port', values.port, 65_535),
    dataDir: values['data-dir'] ?? join(tmpdir(), `comfyui-simulator-${process.pid}`),
    stepDelayMs: wholeNumber('--step-delay', values['step-delay'], 3_600_000),
    previewMethod: previewMethod(values.preview),
    vramTotalMb: wholeNumber('--vram-mb', values['vram-mb'], 1_048_576),
    gpuSpeed: speed(values['gpu-speed']),
    faults: initialFaults(values.faults),
    ...(values['gpu-name'] === undefined ? {} : { gpuName: values['gpu-name'] }),
    ...(values.checkpoint === undefined ? {} : { checkpoints: values.checkpoint }),
  });
  process.stdout.write(`${JSON.stringify({ ready: true, url: simulator.url })}\n`);
  const stop = (): void => {
    void simulator.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

function wholeNumber(option: string, value: string, max: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0 || number > max) fail(`${option} must be a whole number up to ${max}`);
  return number;
}

function speed(value: string): number {
  const factor = Number(value);
  return factor > 0 && Number.isFinite(factor) ? factor : fail('--gpu-speed must be a number above 0');
}

function initialFaults(value: string): Partial<Faults> {
  let read: unknown;
  try {
    read = JSON.parse(value);
  } catch {
    return fail('--faults must be JSON');
  }
  const faults = parseFaults(read);
  return typeof faults === 'string' ? fail(`--faults: ${faults}`) : faults;
}

function previewMethod(value: string): 'none' | 'auto' | 'latent2rgb' | 'taesd' {
  if (value === 'none' || value === 'auto' || value === 'latent2rgb' || value === 'taesd') return value;
  return fail('--preview must be none, auto, latent2rgb or taesd');
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
