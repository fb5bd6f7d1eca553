import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobAttemptFailedV2, type ApiGraph } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { eventually, useNats } from '@anime/testing';
import { imageGraph, IMAGE_OUTPUTS } from '../testing/graphs.js';
import { runnerHarness, type RunnerHarness } from '../testing/runner-harness.js';

// What the fault matrix of deploy/local cannot cause from outside: processes keep out of each other's way there, and every graph is sound.
const nats = useNats();
let harness: RunnerHarness;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

/** Its second output is refused by the validation of that output alone: the server runs the first. */
const HALF_SOUND: ApiGraph = {
  ...imageGraph(),
  '10': { class_type: 'SaveImage', inputs: { images: ['11', 0], filename_prefix: 'second' } },
  '11': { class_type: 'EmptyImage', inputs: { width: -1, height: 64, batch_size: 1, color: 0 } },
};

describe('one prompt', () => {
  it.each(['start', 'middle', 'end'] as const)(
    'is given to its server when two processes run it, the second from its %s on',
    async (at) => {
      // The node sleeps at this moment, so that the other process comes then.
      const faults = { atPrompt: [{ kind: 'stall-worker' as const, at, ms: 1_200 }] };
      await using simulator = await harness.simulator({ faults });
      await using one = harness.life(simulator.url);
      await using other = harness.life(simulator.url);
      const jobId = await harness.jobs.accept();
      const assigned = await harness.jobs.assign(jobId);
      const run = one.run(assigned);
      await eventually(() => simulator.counters.faultsStruck['stall-worker'] === 1, { what: 'the moment has come' });
      expect(await other.run(assigned)).toMatchObject({ kind: 'done' });
      expect(await run).toMatchObject({ kind: 'done' });
      expect(await harness.jobs.trail(jobId)).toEqual(['started', 'executed']);
      expect(simulator.counters).toMatchObject({
        promptsPosted: 1,
        promptsExecuted: { [promptIdOf(jobId, 1)]: 1 },
      });
    },
  );

  it('is stopped when its server takes only some of its outputs', async () => {
    await using simulator = await harness.simulator();
    await using life = harness.life(simulator.url);
    const [saved] = IMAGE_OUTPUTS;
    if (saved === undefined) throw new Error('the graph saves nothing');
    const outputs = [saved, { ...saved, node: '10', role: 'second' }];
    const jobId = await harness.jobs.accept({ graph: HALF_SOUND, outputs });
    expect(await life.run(await harness.jobs.assign(jobId))).toMatchObject({ kind: 'done' });
    expect(await harness.jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await harness.jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'invalid',
      reason: 'submission-refused',
      evidence: { nodeId: '11', response: expect.any(String) },
    });
    expect(simulator.counters.promptsPosted).toBe(1);
  });
});
