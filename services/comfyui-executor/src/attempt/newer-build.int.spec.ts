import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobAcceptedV3, JobAttemptFailedV2, JobStartedV2 } from '@anime/contracts';
import { eventsOf, newerEvent } from '@anime/event-store/testing';
import { useNats } from '@anime/testing';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

describe('an attempt about which a newer build has recorded something', () => {
  it('is left to a newer build: neither POSTed nor failed, and a cancel only stops its prompt', async () => {
    const { jobs, log } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await log.append(newerEvent(JobStartedV2, jobId));
    const waits = { kind: 'retry', error: { code: 'newer-contract' } };
    expect(await life.run(assigned)).toMatchObject(waits);
    expect(await life.run(await jobs.orderCancel(jobId))).toMatchObject(waits);
    expect(simulator.counters.promptsPosted).toBe(0);
    for (const contract of [JobStartedV2, JobAttemptFailedV2]) expect(await eventsOf(log, contract, jobId)).toEqual([]);
  });

  it('is left to a newer build, too, when that one has accepted the job', async () => {
    const { jobs, log } = harness;
    const life = harness.life((await harness.simulator()).url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await log.append(newerEvent(JobAcceptedV3, jobId));
    expect(await life.run(assigned)).toMatchObject({ kind: 'retry', error: { code: 'newer-contract' } });
  });
});
