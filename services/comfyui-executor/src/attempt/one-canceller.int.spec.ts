import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { JobAttemptFailedV2 } from '@anime/contracts';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
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

it('a cancel leaves the prompt that comes next alone, also on a server that interrupts whatever runs', async () => {
  const { jobs } = harness;
  const simulator = await harness.simulator({
    stepDelayMs: 10,
    faults: { withoutJobCancel: true, interruptIgnoresIds: true },
  });
  const life = harness.life(simulator.url);
  expect(await life.socket.ready(10_000)).toBe(true);
  const next: string[] = [];
  for (let round = 1; round <= 10; round += 1) {
    const { samplerRuns, promptsPosted } = simulator.counters;
    const cancelled = await jobs.accept({ graph: imageGraph({ steps: 10_000, seed: round }) });
    const waiting = await jobs.accept({ graph: imageGraph({ steps: 30, seed: 100 + round }) });
    const runs = [life.run(await jobs.assign(cancelled))];
    await eventually(() => simulator.counters.samplerRuns === samplerRuns + 1, { what: 'the first is sampled' });
    runs.push(life.run(await jobs.assign(waiting)));
    await eventually(() => simulator.counters.promptsPosted === promptsPosted + 2, { what: 'the next one waits' });
    expect(await life.run(await jobs.orderCancel(cancelled))).toEqual(DONE);
    expect(await Promise.all(runs)).toEqual([DONE, DONE]);
    expect(await jobs.fact(JobAttemptFailedV2, cancelled)).toMatchObject({ class: 'cancelled' });
    next.push((await jobs.trail(waiting)).join(', '));
  }
  expect(next).toEqual(Array.from({ length: 10 }, () => 'started, executed'));
});
