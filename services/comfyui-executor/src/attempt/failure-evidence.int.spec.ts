import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient, verdictOf } from '@anime/comfyui-client';
import { JobAttemptFailedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { ExecutorLife } from '../testing/executor-harness.js';
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

describe('an attempt that runs out of memory', () => {
  it('tells what was asked for, free, in use and needed, with node and traceback', async () => {
    const { jobs } = harness;
    // It needs more than it says.
    const modelSizesMb = { 'simulated-anime-v1.safetensors': 8_000 };
    const simulator = await harness.simulator({ vramTotalMb: 8_192, modelSizesMb });
    const jobId = await jobs.accept();
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId, 1, { vramGb: 4 }))).toEqual(DONE);
    const { class: failureClass, evidence } = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failureClass).toBe('oom');
    expect(evidence).toMatchObject({
      nodeId: expect.any(String),
      nodeType: expect.any(String),
      exceptionType: 'torch.OutOfMemoryError',
      memory: {
        totalBytes: expect.any(Number),
        freeBytes: expect.any(Number),
        requestedBytes: expect.any(Number),
        neededBytes: 4e9,
      },
    });
    expect(evidence.traceback).not.toEqual([]);
  });

  it('tells what the server says where the message has no figures', async () => {
    const { jobs } = harness;
    const failNode = {
      class_type: 'KSampler',
      exception_type: 'torch.OutOfMemoryError',
      message: 'Allocation on device',
    };
    const simulator = await harness.simulator({ vramTotalMb: 8_192, faults: { failNode } });
    const jobId = await jobs.accept();
    await harness.life(simulator.url).run(await jobs.assign(jobId));
    const { evidence } = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(evidence.memory).toEqual({
      totalBytes: 8_192 * 2 ** 20,
      freeBytes: expect.any(Number),
      neededBytes: 1e9,
    });
  });
});

describe('an attempt that may take only so long', () => {
  it('is stopped on the server and fails as timeout, counted from when it runs there', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const first = await jobs.accept({ graph: imageGraph({ steps: 5_000 }), maxRunSeconds: 1 });
    const running = life.run(await jobs.assign(first));
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'the first runs' });
    // It waits for longer than it may run.
    const second = await jobs.accept({ graph: imageGraph({ seed: 2 }), maxRunSeconds: 1 });
    const waiting = life.run(await jobs.assign(second));
    expect(await running).toEqual(DONE);
    expect(await jobs.trail(first)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, first)).toMatchObject({
      class: 'timeout',
      reason: 'timeout',
      message: 'It ran longer than the 1 s that an attempt may take, and was stopped',
    });
    expect(await waiting).toEqual(DONE);
    expect(await jobs.trail(second)).toEqual(['started', 'executed']);
  });

  it('has no more time because its executor was started again', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const client = new ComfyClient({ baseUrl: simulator.url });
    const life = harness.life(simulator.url);
    const before = await jobs.accept({ graph: imageGraph({ steps: 500 }) });
    const running = life.run(await jobs.assign(before));
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'another runs' });
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 5_000, seed: 2 }), maxRunSeconds: 3 });
    const assigned = await jobs.assign(jobId);
    const left = life.run(assigned);
    await eventually(() => simulator.counters.promptsAccepted === 2, { what: 'it waits on the server' });
    await running;
    life.drain();
    expect(await left).toMatchObject({ kind: 'retry' });
    const promptId = promptIdOf(jobId, 1);
    const runningMs = async (): Promise<number> => (await client.runningForMs(promptId)) ?? 0;
    await eventually(async () => (await runningMs()) >= 3_000, { what: 'its time is over while nobody follows it' });
    const adoptedMs = Date.now();
    expect(await harness.life(simulator.url).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'timeout' });
    // It did not get its three seconds anew.
    const look = await client.look(promptId);
    const stopped = look.state === 'ended' && look.ended.messages.find(([name]) => name === 'execution_interrupted');
    expect(stopped && stopped[1]).toMatchObject({ timestamp: expect.any(Number) });
    expect(Number(stopped && stopped[1]['timestamp']) - adoptedMs).toBeLessThan(3_000);
    await client.close();
  }, 30_000);

  it('ends when its time is over though its server stays away, and is stopped as soon as that is back', async () => {
    const simulator = await harness.simulator();
    await using life = await ExecutorLife.start(harness, simulator.url);
    const { jobs } = life;
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 5_000 }), maxRunSeconds: 1 });
    const running = life.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'it runs' });
    const back = simulator.refuseConnections(8_000);
    expect(await running).toEqual(DONE);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'timeout',
      message: 'It ran longer than the 1 s that an attempt may take, and is stopped as soon as its server can be told',
    });
    await back;
    const client = new ComfyClient({ baseUrl: simulator.url });
    await eventually(
      async () => {
        const look = await client.look(promptIdOf(jobId, 1));
        return look.state === 'ended' && verdictOf(look.ended).kind === 'interrupted';
      },
      { what: 'it is stopped on sight' },
    );
    await client.close();
  }, 40_000);
});

describe('an attempt that somebody else ends', () => {
  it('by interrupting it is transient', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'interrupt', at: 'middle' }] } });
    const jobId = await jobs.accept();
    await harness.life(simulator.url).run(await jobs.assign(jobId));
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'interrupted' });
  });

  it('by deleting it is vanished: the server still knows others', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    await life.run(await jobs.assign(await jobs.accept()));
    const long = await jobs.accept({ graph: imageGraph({ steps: 300, seed: 2 }) });
    const running = life.run(await jobs.assign(long));
    await eventually(() => simulator.counters.samplerRuns === 2, { what: 'the long one runs' });
    const jobId = await jobs.accept({ graph: imageGraph({ seed: 3 }) });
    const waiting = life.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.promptsAccepted === 3, { what: 'it waits on the server' });
    const client = new ComfyClient({ baseUrl: simulator.url });
    await client.cancel(promptIdOf(jobId, 1));
    await client.close();
    expect(await waiting).toEqual(DONE);
    expect(await running).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'transient', reason: 'vanished' });
    expect(failed.message).toContain('still knows others: somebody deleted it');
  }, 20_000);

  it('by restarting the server is vanished: it has forgotten everything', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    await life.run(await jobs.assign(await jobs.accept()));
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 1_000, seed: 2 }) });
    const running = life.run(await jobs.assign(jobId));
    await eventually(() => simulator.counters.samplerRuns === 2, { what: 'it runs' });
    await simulator.restart();
    expect(await running).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'transient', reason: 'vanished' });
    expect(failed.message).toContain(
      'it was restarted, or somebody cleared its queue and history: it has forgotten all that it had shown',
    );
  }, 20_000);
});
