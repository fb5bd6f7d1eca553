import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient } from '@anime/comfyui-client';
import { ExecutorDrainedV1, ExecutorResumedV1, JobAttemptFailedV2, JobDeclinedV1 } from '@anime/contracts';
import { isEvent, uuidv7 } from '@anime/event-store';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { ExecutorLife, type ExecutorLifeOptions } from '../testing/executor-harness.js';
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

const QUICK = { silenceMs: 1_500, cancelMs: 500, idleMs: 2_000 };
const start = (url: string, options: ExecutorLifeOptions = {}): Promise<ExecutorLife> =>
  ExecutorLife.start(harness, url, { limits: QUICK, ...options });

const untilTrail = (life: ExecutorLife, trail: readonly string[]): Promise<boolean> =>
  eventually(async () => JSON.stringify(await life.trail()) === JSON.stringify(trail), {
    what: `the executor's events are ${trail.join(', ')}`,
  });

/** As somebody does who thinks that all is well again. */
async function resume(life: ExecutorLife): Promise<void> {
  const meta = { id: uuidv7(), time: new Date().toISOString(), correlationId: life.executor.id, actor: randomUUID() };
  await harness.log.append({ contract: ExecutorResumedV1, aggregateId: life.executor.id, data: {}, ...meta });
}

/** Waits until the executor has taken so many more looks at its server: each heartbeat comes with one. */
const untilLooked = (life: ExecutorLife, looks = 2): Promise<boolean> => {
  const before = life.heartbeats.length;
  return eventually(() => life.heartbeats.length >= before + looks, { what: 'it has looked at its server again' });
};

describe('a server whose worker hangs in a prompt', () => {
  it('is said to have stopped, with what to do; its attempts end, new ones are handed back, and a restart cures it', async () => {
    const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'worker-death', at: 'start' }] } });
    await using life = await start(simulator.url);
    const { jobs } = life;
    const [hangs, waits, third] = [await jobs.accept(), await jobs.accept(), await jobs.accept()];
    const runs = [life.run(await jobs.assign(hangs))];
    await eventually(() => simulator.counters.faultsStruck['worker-death'] === 1, { what: 'the worker ends' });
    runs.push(life.run(await jobs.assign(waits)), life.run(await jobs.assign(third)));
    expect(await Promise.all(runs)).toEqual([DONE, DONE, DONE]);
    await untilTrail(life, ['registered', 'drained']);

    const drained = (await life.last(ExecutorDrainedV1))?.data;
    expect(drained).toMatchObject({ reason: 'worker-stopped', message: expect.stringContaining('Restart ComfyUI') });
    for (const jobId of [hangs, waits]) {
      expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
      const failed = await jobs.fact(JobAttemptFailedV2, jobId);
      expect(failed).toMatchObject({ class: 'transient', reason: 'worker-stopped', message: drained?.message });
    }
    // It stood in line, and was never sent.
    expect(await jobs.trail(third)).toEqual(['declined']);
    expect(simulator.counters.promptsPosted).toBe(2);
    const next = await jobs.accept();
    expect(await life.run(await jobs.assign(next))).toEqual(DONE);
    expect(await jobs.fact(JobDeclinedV1, next)).toMatchObject({ reason: 'worker-stopped', message: drained?.message });
    expect(life.executor.check()).toEqual({ ok: false, reason: drained?.message });
    await eventually(() => life.heartbeats.some(({ reason }) => reason === drained?.message), {
      what: 'a heartbeat says so',
    });

    await simulator.restart();
    await untilTrail(life, ['registered', 'drained', 'registered']);
    expect(life.executor.check()).toEqual({ ok: true, reason: null });
    expect(await life.run(await jobs.assign(next, 2))).toEqual(DONE);
    expect(await jobs.trail(next)).toEqual(['declined', 'started', 'executed']);
  }, 60_000);

  it('and whose executor is resumed turns orders away only after it has said anew, once, that it has stopped', async () => {
    const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'worker-death', at: 'start' }] } });
    await using life = await start(simulator.url);
    const { jobs } = life;
    await life.run(await jobs.assign(await jobs.accept()));
    await untilTrail(life, ['registered', 'drained']);
    const first = await life.last(ExecutorDrainedV1);
    await resume(life);
    const turnedAway = await Promise.all([jobs.accept(), jobs.accept(), jobs.accept()]);
    for (const jobId of turnedAway) expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await life.trail()).toEqual(['registered', 'drained', 'resumed', 'drained']);
    const again = await life.last(ExecutorDrainedV1);
    expect(again?.data).toEqual(first?.data);
    for (const jobId of turnedAway) {
      const [declined] = await jobs.facts(jobId);
      expect(declined?.type).toBe('job.declined');
      expect(declined?.position).toBeGreaterThan(again?.position ?? 0);
    }
    await simulator.restart();
    await untilTrail(life, ['registered', 'drained', 'resumed', 'drained', 'registered']);
  }, 60_000);

  it('is not found cured by the next life of the executor while the prompt is there, be it of another client', async () => {
    const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'worker-death', at: 'start' }] } });
    const client = new ComfyClient({ baseUrl: simulator.url });
    const promptId = randomUUID();
    await client.submit({ promptId, clientId: randomUUID(), graph: imageGraph(), tags: {} });
    await client.close();
    const first = await start(simulator.url);
    await first.run(await first.jobs.assign(await first.jobs.accept()));
    await untilTrail(first, ['registered', 'drained']);
    expect((await first.last(ExecutorDrainedV1))?.data).toMatchObject({ promptId });
    await first[Symbol.asyncDispose]();
    await using second = await start(simulator.url, { name: first.executor.name });
    await untilLooked(second);
    expect(await second.trail()).toEqual(['registered', 'drained']);
    await simulator.restart();
    await untilTrail(second, ['registered', 'drained', 'registered']);
  }, 60_000);

  it('is found cured by the next life of the executor', async () => {
    const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'worker-death', at: 'start' }] } });
    const first = await start(simulator.url);
    const jobId = await first.jobs.accept();
    await first.run(await first.jobs.assign(jobId));
    await untilTrail(first, ['registered', 'drained']);
    await first[Symbol.asyncDispose]();
    await simulator.restart();
    await using second = await start(simulator.url, { name: first.executor.name });
    await untilTrail(second, ['registered', 'drained', 'registered']);
  }, 60_000);
});

describe('a server that takes prompts and runs none', () => {
  it('is said to have stopped; a restart cures it', async () => {
    const simulator = await harness.simulator({ faults: { zombieWorker: true } });
    await using life = await start(simulator.url);
    const { jobs } = life;
    const jobId = await jobs.accept();
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'transient', reason: 'worker-stopped' });
    expect(failed.message).toMatch(/has run nothing for \d+ s though a prompt waits/);
    await untilTrail(life, ['registered', 'drained']);

    await simulator.restart({ downMs: 2_500 });
    await untilTrail(life, ['registered', 'drained', 'registered']);
    expect(await life.run(await jobs.assign(jobId, 2))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed', 'started', 'executed']);
  }, 60_000);
});

describe('a server that ran nothing', () => {
  it('is not found cured by the next life of the executor while prompts wait, and is when none does', async () => {
    const simulator = await harness.simulator({ faults: { zombieWorker: true } });
    const client = new ComfyClient({ baseUrl: simulator.url });
    const promptId = randomUUID();
    await client.submit({ promptId, clientId: randomUUID(), graph: imageGraph(), tags: {} });
    const first = await start(simulator.url);
    await untilTrail(first, ['registered', 'drained']);
    await first[Symbol.asyncDispose]();
    await using second = await start(simulator.url, { name: first.executor.name });
    await eventually(() => !second.executor.check().ok, { what: 'it has found out for itself' });
    expect(await second.trail()).toEqual(['registered', 'drained']);
    await second[Symbol.asyncDispose]();
    await client.cancel(promptId);
    await client.close();
    // With an empty queue nothing can be known.
    await using third = await start(simulator.url, { name: first.executor.name });
    await untilTrail(third, ['registered', 'drained', 'registered']);
  }, 60_000);
});

describe('a worker that is only slow', () => {
  it('in a node that blocks for longer than anything may be silent loses its prompt, not its place', async () => {
    const stall = { kind: 'stall-worker' as const, at: 'start' as const, ms: 7_000 };
    const simulator = await harness.simulator({ faults: { atPrompt: [stall] } });
    await using life = await start(simulator.url, { limits: { ...QUICK, cancelMs: 60_000 } });
    const { jobs } = life;
    const jobId = await jobs.accept();
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'no-progress' });
    expect(await life.trail()).toEqual(['registered']);
    expect(await life.run(await jobs.assign(jobId, 2))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed', 'started', 'executed']);
  }, 60_000);

  it.each([
    ['when no event of anybody is heard, as behind a reader that stalls, has thrice the time', true, ['executed']],
    ['when others are heard has twice the time', false, ['attempt-failed']],
  ])(
    '%s',
    async (_, stalledReader, end) => {
      const stall = { kind: 'stall-worker' as const, at: 'middle' as const, ms: 5_300 };
      const simulator = await harness.simulator({ faults: { stalledReader, atPrompt: [stall] } });
      const life = harness.life(simulator.url, { limits: { silenceMs: 2_000 } });
      const { jobs } = harness;
      const jobId = await jobs.accept();
      const run = life.run(await jobs.assign(jobId));
      await eventually(() => simulator.counters.faultsStruck['stall-worker'] === 1, { what: 'it stalls' });
      let isOver = false;
      const over = run.finally(() => (isOver = true));
      const client = new ComfyClient({ baseUrl: simulator.url });
      const others = async (): Promise<boolean> => {
        const promptId = randomUUID();
        await client.submit({ promptId, clientId: randomUUID(), graph: imageGraph(), tags: {} });
        await client.cancel(promptId);
        return isOver;
      };
      await eventually(others, { what: 'it is over', intervalMs: 200 });
      expect(await over).toEqual(DONE);
      await client.close();
      expect(await jobs.trail(jobId)).toEqual(['started', ...end]);
    },
    60_000,
  );

  it('and tells its progress runs for as long as it needs', async () => {
    const simulator = await harness.simulator();
    await using life = await start(simulator.url);
    const { jobs } = life;
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 800 }) });
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(await life.trail()).toEqual(['registered']);
  }, 60_000);
});

describe('a GPU fault', () => {
  it('drains the executor before the attempt fails, until its server was restarted, be it for a moment', async () => {
    const simulator = await harness.simulator({ faults: { gpuFault: true } });
    await using life = await start(simulator.url);
    const { jobs } = life;
    const jobId = await jobs.accept();
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = (await jobs.facts(jobId)).find((event) => isEvent(event, JobAttemptFailedV2));
    expect(failed?.data).toMatchObject({ class: 'gpu-fault' });
    const drained = await life.last(ExecutorDrainedV1);
    expect(drained?.data).toMatchObject({
      reason: 'gpu-fault',
      promptId: (await jobs.fact(JobAttemptFailedV2, jobId)).promptId,
      message: expect.stringContaining('started again'),
    });
    expect(drained?.position).toBeLessThan(failed?.position ?? 0);
    await simulator.restart();
    await untilTrail(life, ['registered', 'drained', 'registered']);
    expect(await life.run(await jobs.assign(jobId, 2))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed', 'started', 'executed']);
  }, 60_000);

  it('is not cured by a history that is cleared', async () => {
    const simulator = await harness.simulator({ faults: { gpuFault: true } });
    await using life = await start(simulator.url);
    await life.run(await life.jobs.assign(await life.jobs.accept()));
    await fetch(`${simulator.url}/history`, { method: 'POST', body: '{"clear":true}' });
    await untilLooked(life);
    expect(await life.trail()).toEqual(['registered', 'drained']);
    await simulator.restart();
    await untilTrail(life, ['registered', 'drained', 'registered']);
  }, 60_000);

  it('is known to the next life of the executor, which waits for a restart of the server, too', async () => {
    const simulator = await harness.simulator({ faults: { gpuFault: true } });
    const first = await start(simulator.url);
    await first.run(await first.jobs.assign(await first.jobs.accept()));
    await first[Symbol.asyncDispose]();
    await using second = await start(simulator.url, { name: first.executor.name });
    await eventually(() => second.executor.check().ok, { what: 'it has looked at its server' });
    expect(await second.trail()).toEqual(['registered', 'drained']);
    await simulator.restart();
    await untilTrail(second, ['registered', 'drained', 'registered']);
  }, 60_000);
});
