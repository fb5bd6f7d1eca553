import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

/** A healthy prompt takes many times as long as it may be silent. */
const STEPS = { stepDelayMs: 20 };
const LONG = 200;
const LIMITS = { silenceMs: 300, cancelMs: 60_000 };

describe('a healthy prompt that cannot be heard', () => {
  it('as its executor was replaced in mid-run, runs to its end', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator(STEPS);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: LONG }) });
    const assigned = await jobs.assign(jobId);
    const first = harness.life(simulator.url, { limits: LIMITS });
    const left = first.run(assigned);
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'it is sampled' });
    await first[Symbol.asyncDispose]();
    expect(await left).toMatchObject({ kind: 'retry' });
    expect(await harness.life(simulator.url, { limits: LIMITS }).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('as the websocket was cut once, runs to its end; so does the one that waited behind it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator(STEPS);
    const life = harness.life(simulator.url, { limits: LIMITS });
    expect(await life.socket.ready(10_000)).toBe(true);
    const both = await Promise.all([1, 2].map((seed) => jobs.accept({ graph: imageGraph({ steps: LONG, seed }) })));
    const runs = await Promise.all(both.map(async (jobId) => ({ done: life.run(await jobs.assign(jobId)) })));
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'the second waits' });
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'the first is sampled' });
    const before = life.socket.clientId;
    simulator.dropSockets();
    await eventually(() => life.socket.connected && life.socket.clientId !== before, { what: 'it is connected again' });
    for (const { done } of runs) expect(await done).toEqual(DONE);
    for (const jobId of both) expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });
});

it('a server that hangs in a prompt which cannot be heard is found by a limit of its own', async () => {
  const { jobs } = harness;
  const simulator = await harness.simulator({ faults: { atPrompt: [{ kind: 'worker-death', at: 'middle' }] } });
  const limits = { silenceMs: 60_000, unheardMs: 1_000, cancelMs: 500 };
  const jobId = await jobs.accept();
  const assigned = await jobs.assign(jobId);
  const first = harness.life(simulator.url, { limits });
  const left = first.run(assigned);
  await eventually(() => simulator.counters.faultsStruck['worker-death'] === 1, { what: 'the worker ends' });
  await first[Symbol.asyncDispose]();
  await left;
  const second = harness.life(simulator.url, { limits });
  expect(await second.run(assigned)).toEqual(DONE);
  expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'worker-stopped' });
  expect(second.server.health.stopped).toContain('Restart ComfyUI');
});
