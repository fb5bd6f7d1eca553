import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobAttemptFailedV2 } from '@anime/contracts';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import type { Verdict } from '../testing/comfy-gate.js';
import { imageGraph } from '../testing/graphs.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

const PATIENT = { timeoutMs: 60_000 };

describe('a cancel while outputs are fetched', () => {
  it.each<[string, (first: () => void) => Verdict | Promise<Verdict>]>([
    [
      'stops a download that stands still',
      (first) => ({
        status: 200,
        headers: { 'content-length': '1000000', etag: '"1"', 'last-modified': 'x' },
        body: (async function* () {
          yield Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
          first();
          await new Promise(() => undefined);
        })(),
      }),
    ],
    [
      'stops waiting for one that does not begin',
      (first) => {
        first();
        return new Promise(() => undefined);
      },
    ],
  ])('%s, and nothing is executed any more', async (_, download) => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const began = Promise.withResolvers<void>();
    const gate = await harness.gate(simulator.url, (call) =>
      call.startsWith('GET /view') ? download(began.resolve) : 'pass',
    );
    const life = harness.life(gate.url, PATIENT);
    const jobId = await jobs.accept();
    const run = life.run(await jobs.assign(jobId));
    await began.promise;
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'cancelled' });
  });
});

it('while outputs are fetched, four at a time, the server runs the next prompts', async () => {
  const { jobs } = harness;
  const simulator = await harness.simulator();
  const open = Promise.withResolvers<'pass'>();
  let [fetching, most] = [0, 0];
  const gate = await harness.gate(simulator.url, async (call): Promise<'pass'> => {
    if (!call.startsWith('GET /view')) return 'pass';
    fetching += 1;
    most = Math.max(most, fetching);
    await open.promise;
    fetching -= 1;
    return 'pass';
  });
  const life = harness.life(gate.url, PATIENT);
  const six = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => jobs.accept({ graph: imageGraph({ seed }) })));
  const runs = await Promise.all(six.map(async (jobId) => ({ done: life.run(await jobs.assign(jobId)) })));
  await eventually(() => Object.keys(simulator.counters.promptsExecuted).length === 6, { what: 'all six have run' });
  await eventually(() => life.runner.currentJobId === null, { what: 'none counts as on the server' });
  await eventually(() => most === 4, { what: 'four are being fetched' });
  expect(await jobs.trail(six[0] ?? '')).toEqual(['started']);
  open.resolve('pass');
  for (const { done } of runs) expect(await done).toEqual(DONE);
  for (const jobId of six) expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  expect(most).toBe(4);
});
