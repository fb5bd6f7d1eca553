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
  --gpu-name <name>  what the card calls itself (default ComfyUI simulator)
  --vram <MiB>       its memory (default 8192)
  --gpu-speed <n>    factor by which it is faster than --step-delay (default 1)
  --preview <m>      none, auto, latent2rgb or taesd (default none)
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
    'gpu-name': { type: 'string' },
    vram: { type: 'string', default: '8192' },
    'gpu-speed': { type: 'string', default: '1' },
    preview: { type: 'string', default: 'none' },
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
    faults: initialFaults(values.faults),
    vramTotalMb: wholeNumber('--vram', values.vram, 1_048_576, 1),
    gpuSpeed: factor('--gpu-speed', values['gpu-speed']),
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

function wholeNumber(option: string, value: string, max: number, min = 0): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < min || number > max) {
    fail(`${option} must be a whole number from ${min} to ${max}`);
  }
  return number;
}

function factor(option: string, value: string): number {
  const number = Number(value);
  if (!Number.isFinite(number) || number <= 0) fail(`${option} must be a number above 0`);
  return number;
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
