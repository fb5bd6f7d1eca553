import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator } from '@anime/comfyui-simulator';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { imageGraph } from '../testing/graphs.js';
import type { JobLog } from '../testing/job-log.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';
import type { AttemptLost, CancelOrdered } from './attempt-journal.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

type TakeBack = (jobs: JobLog, jobId: string) => Promise<AttemptLost | CancelOrdered>;
const lose: TakeBack = (jobs, jobId) => jobs.loseAttempt(jobId);
const cancel: TakeBack = (jobs, jobId) => jobs.orderCancel(jobId);

/** Takes prompts into its queue and runs none of them, until `work`. */
const IDLE = { faults: { zombieWorker: true } };
async function work({ url }: Simulator): Promise<void> {
  await fetch(`${url}/simulator/faults`, { method: 'POST', body: JSON.stringify({ zombieWorker: false }) });
}

// The order that takes it back has gone to another process of the same name, or is still on its way.
describe('an attempt that the log takes back without this process having heard of it', () => {
  it.each([
    ['lost', lose],
    ['cancelled', cancel],
  ])('%s while it waited for a slot is neither started nor POSTed', async (_, takeBack) => {
    const { jobs } = harness;
    const simulator = await harness.simulator(IDLE);
    const life = harness.life(simulator.url);
    const others = await Promise.all([1, 2].map((seed) => jobs.accept({ graph: imageGraph({ seed }) })));
    const runs = await Promise.all(others.map(async (jobId) => ({ done: life.run(await jobs.assign(jobId)) })));
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'both places on the server are taken' });
    const jobId = await jobs.accept({ graph: imageGraph({ seed: 3 }) });
    const waiting = life.run(await jobs.assign(jobId));
    await eventually(() => life.progress.some((progress) => progress.jobId === jobId), { what: 'it stands in line' });
    await takeBack(jobs, jobId);
    await work(simulator);
    expect(await waiting).toEqual(DONE);
    for (const { done } of runs) expect(await done).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual([]);
    expect(simulator.counters.promptsPosted).toBe(2);
  });

  it.each([
    ['lost', lose, ['started']],
    ['cancelled', cancel, ['started', 'attempt-failed']],
  ])('%s while its POST was on the way is stopped on the server by whoever sent it', async (_, takeBack, trail) => {
    const { jobs } = harness;
    const simulator = await harness.simulator(IDLE);
    const [sent, arrives] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const gate = await harness.gate(simulator.url, async (call): Promise<'pass'> => {
      if (call === 'POST /prompt') {
        sent.resolve();
        await arrives.promise;
      }
      return 'pass';
    });
    const [sender, other] = [harness.life(gate.url, { timeoutMs: 60_000 }), harness.life(simulator.url)];
    const jobId = await jobs.accept();
    const run = sender.run(await jobs.assign(jobId));
    await sent.promise;
    expect(await other.run(await takeBack(jobs, jobId))).toEqual(DONE);
    arrives.resolve();
    await eventually(() => simulator.counters.promptsAccepted === 1, { what: 'the prompt arrives' });
    await eventually(async () => (await queued(simulator)).length === 0, { what: 'the server has stopped it' });
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(trail);
  });
});

async function queued({ url }: Simulator): Promise<readonly unknown[]> {
  const queue = (await (await fetch(`${url}/queue`)).json()) as { readonly queue_pending: readonly unknown[] };
  return queue.queue_pending;
}
