import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

describe('an attempt that was given up while nothing was heard of its executor', () => {
  it('is stopped when the executor is back, and nothing more is said of it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const first = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 2_000 }) });
    const left = first.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.samplerRuns > 0, { what: 'the sampler runs' });
    first.drain();
    expect(await left).toMatchObject({ kind: 'retry' });

    const next = harness.life(simulator.url);
    expect(await next.run(await jobs.loseAttempt(jobId))).toEqual(DONE);
    await eventually(async () => (await running(simulator)) === 0, { what: 'the server has stopped it' });
    expect(await jobs.trail(jobId)).toEqual(['started']);
  });

  it('is stopped by the very process that runs it, its assignment is over, and viewers hear nothing more', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 2_000 }) });
    const assigned = await jobs.assign(jobId);
    const run = life.run(assigned);
    await eventually(() => life.progress.some(({ phase }) => phase === 'running'), { what: 'the prompt runs' });
    const lost = await jobs.loseAttempt(jobId);
    const told = life.progress.length;
    expect(await life.run(lost)).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(await running(simulator)).toBe(0);
    expect(await jobs.trail(jobId)).toEqual(['started']);
    expect(life.progress.slice(told)).toEqual([]);
  });

  it('is not said to have ended by a process whose prompt another one has stopped', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const [runner, other] = [harness.life(simulator.url), harness.life(simulator.url)];
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 2_000 }) });
    const run = runner.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.samplerRuns > 0, { what: 'the sampler runs' });
    expect(await other.run(await jobs.loseAttempt(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(runner.progress.map(({ phase }) => phase)).not.toContain('ended');
  });
});

async function running({ url }: { readonly url: string }): Promise<number> {
  const queue = (await (await fetch(`${url}/queue`)).json()) as { readonly queue_running: readonly unknown[] };
  return queue.queue_running.length;
}
