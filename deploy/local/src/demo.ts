import path from 'node:path';
import type { Job } from '@anime/contracts/http';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { followJob } from './follow-job.js';
import { startStack, type Stack } from './stack.js';

const JOB_LIMIT_MS = 120_000;

/**
 * `npm run demo`: one picture and one short animation, from the request to the file.
 * @throws Error when a job does not complete, or none can because no ComfyUI is there: the demo then fails
 */
export async function runDemo(dataDir: string, prompt: string): Promise<void> {
  const say = (line: string): boolean => process.stdout.write(`${line}\n`);
  const began = performance.now();
  const stack = await startStack({
    dataDir,
    freePorts: true,
    onStep: (step) => say(`  ${step}`),
    onTrouble: (trouble) => say(trouble),
  });
  // Ctrl-C in the middle leaves nothing running.
  process.once('SIGINT', () => void stack.stop().finally(() => process.exit(130)));
  try {
    say(
      `The studio is up after ${seconds(began)} s.${stack.simulated ? ' ComfyUI is simulated: pictures are drawn, no model is run.' : ''}\n`,
    );
    for (const away of stack.comfyuiAway) say(`Not ready: ${away}`);
    if (stack.comfyuiAway.length === stack.comfyui.length)
      throw new Error(
        'No picture can be made: no server of COMFYUI_URLS is ready. Without COMFYUI_URLS one is simulated.',
      );
    await makeAll(stack, prompt, say);
  } finally {
    await stack.stop();
  }
  say(`Everything is stopped (${seconds(began)} s in all). \`npm start\` keeps the studio up.`);
}

async function makeAll(stack: Stack, prompt: string, say: (line: string) => boolean): Promise<void> {
  const client = createGatewayClient(stack.gateway);
  const requests = [
    ['an image', () => client.POST('/api/anime/generate/image', { body: { prompt, steps: 20 } })],
    [
      'a short animation',
      () =>
        client.POST('/api/anime/generate/video', {
          body: { prompt, frames: 12, fps: 8, width: 384, height: 384, steps: 12 },
        }),
    ],
  ] as const;
  for (const [what, request] of requests) {
    const accepted = await unwrap(request());
    if (!('jobId' in accepted))
      throw new Error('the gateway answered with a whole job, though nobody asked it to wait');
    say(
      `Asked for ${what}: job ${accepted.jobId}, seed ${accepted.seed}, template ${accepted.template.id} v${accepted.template.version}`,
    );
    await followJob(stack.relay, accepted.jobId, JOB_LIMIT_MS);
    const job = await unwrap(
      client.GET('/api/anime/jobs/{id}', { params: { path: { id: accepted.jobId }, query: { wait: 30 } } }),
    );
    await report(stack, client, job, say);
    if (job.status !== 'completed')
      throw new Error(`The job ended as ${job.status}: ${job.failure?.message ?? 'no reason given'}`);
  }
}

async function report(
  stack: Stack,
  client: ReturnType<typeof createGatewayClient>,
  job: Job,
  say: (line: string) => boolean,
): Promise<void> {
  say(`  status     ${job.status}`);
  for (const file of job.files) say(`  ${file.role.padEnd(10)} ${path.join(stack.libraryDir, file.path)}`);
  for (const metric of job.scores.flatMap((score) => score.metrics)) {
    const figure =
      metric.status === 'measured' ? `${metric.value.toFixed(2)} ${metric.unit}` : `unavailable: ${metric.reason}`;
    say(`  score      ${metric.id.padEnd(14)} ${figure}`);
  }
  const { events } = await unwrap(client.GET('/api/anime/jobs/{id}/events', { params: { path: { id: job.id } } }));
  say('  events');
  const first = Date.parse(events[0]?.time ?? '');
  for (const event of events) {
    const after = String(Date.parse(event.time) - first).padStart(6);
    say(`    ${String(event.position).padStart(5)}  +${after} ms  ${event.type.padEnd(22)} ${event.producer}`);
  }
  say('');
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}
