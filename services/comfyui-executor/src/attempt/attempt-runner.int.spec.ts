import { getEventListeners } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobAttemptFailedV2, JobExecutedV2, JobStartedV2 } from '@anime/contracts';
import { promptIdOf } from '@anime/event-store';
import { eventsOf } from '@anime/event-store/testing';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import sharp from 'sharp';
import { UNKNOWN_JOB } from '../testing/comfy-gate.js';
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

/** Takes a good second at 5 ms a step. */
const LONG = 250;

async function untilSampling(
  simulator: { readonly counters: { readonly samplerRuns: number } },
  runs = 1,
): Promise<void> {
  await eventually(() => simulator.counters.samplerRuns >= runs, { what: 'the sampler runs' });
}

describe('a job that runs well', () => {
  it('is started, POSTed once and executed, its picture in the blob store under the hash of its bytes', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    expect(await life.run(assigned)).toEqual(DONE);

    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(await jobs.fact(JobStartedV2, jobId)).toEqual({
      attempt: 1,
      executorId: jobs.executorId,
      promptId: promptIdOf(jobId, 1),
      claim: life.claim,
      environment: null,
    });
    const executed = await jobs.fact(JobExecutedV2, jobId);
    expect(executed).toMatchObject({ attempt: 1, variant: 'normal', cached: false });
    expect(executed.executionMs).toBeGreaterThan(0);
    expect(executed.outputs).toMatchObject([
      { node: '9', index: 0, kind: 'image', role: 'main', mediaType: 'image/png', filename: '9_00001_.png' },
    ]);
    const [output] = executed.outputs;
    const picture = await sharp(await harness.blobs.get(output?.blob ?? '')).metadata();
    expect([picture.width, picture.height, picture.format]).toEqual([64, 64, 'png']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('leaves nothing behind that listens to the signal of the whole service', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const { runner } = harness.life(simulator.url);
    const { signal } = new AbortController();
    expect(await runner.onOrder(await jobs.assign(await jobs.accept()), { signal })).toEqual(DONE);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('answers a repeat of its assignment with nothing new', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    expect(await Promise.all([life.run(assigned), life.run(assigned)])).toEqual([DONE, DONE]);
    expect(await harness.life(simulator.url).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('is executed though garbage lies behind each of its messages', async () => {
    const { jobs, log } = harness;
    const simulator = await harness.simulator();
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    for (const producer of ['orchestrator.accepted', `orchestrator.${jobs.executorId}`, 'comfyui-executor'])
      await harness.putGarbage(`job.${jobId}.${producer}`);
    expect(await harness.life(simulator.url).run(assigned)).toEqual(DONE);
    expect(await eventsOf(log, JobStartedV2, jobId)).toHaveLength(1);
    expect(await eventsOf(log, JobExecutedV2, jobId)).toHaveLength(1);
    expect(await eventsOf(log, JobAttemptFailedV2, jobId)).toEqual([]);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('reads a graph that lies in the blob store', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const graph = imageGraph();
    const text = graph['7']?.inputs ?? {};
    const jobId = await jobs.accept({
      graph: { ...graph, '7': { class_type: 'CLIPTextEncode', inputs: { ...text, text: 'bad '.repeat(20_000) } } },
      blobs: harness.blobs,
    });
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('tells its progress: never falling, at most four a second, from waiting to ended', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: LONG }) });
    const began = performance.now();
    await life.run(await jobs.assign(jobId));
    const seconds = (performance.now() - began) / 1000;
    const fractions = life.progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect(life.progress.map(({ phase }) => phase).filter((phase, at, all) => phase !== all[at - 1])).toEqual([
      'waiting',
      'running',
      'downloading',
      'ended',
    ]);
    expect(life.progress.at(-1)).toMatchObject({ jobId, attempt: 1, fraction: 1 });
    expect(
      life.progress.some(({ nodeTitle, step, steps }) => nodeTitle === 'Paint' && step !== null && steps === LONG),
    ).toBe(true);
    expect(life.progress.length).toBeLessThanOrEqual(4 * seconds + 5);
    expect(life.progress.length).toBeGreaterThan(5);
  });

  it('keeps at most two prompts on the server while more are assigned', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobIds = await Promise.all(
      [1, 2, 3, 4].map((seed) => jobs.accept({ graph: imageGraph({ steps: 40, seed }) })),
    );
    const runs = await Promise.all(jobIds.map(async (jobId) => ({ done: life.run(await jobs.assign(jobId)) })));
    await untilSampling(simulator);
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'the second waits on the server' });
    await Promise.all(runs.map(({ done }) => done));
    for (const jobId of jobIds) expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(4);
  });
});

describe('an executor that dies', () => {
  it('in mid-sampling: the next life adopts the prompt, the server sees one POST', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const first = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: LONG }) });
    const assigned = await jobs.assign(jobId);
    const left = first.run(assigned);
    await untilSampling(simulator);
    first.drain();
    expect(await left).toMatchObject({ kind: 'retry', delayMs: 0 });
    expect(await jobs.trail(jobId)).toEqual(['started']);

    expect(await harness.life(simulator.url).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters).toMatchObject({ promptsPosted: 1, promptsExecuted: { [promptIdOf(jobId, 1)]: 1 } });
  });

  it('between its claim and the POST: the next life never POSTs it, finds it nowhere twice and says vanished', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    await jobs.startedBy('6f9619ff-8b86-4d01-b42d-00cf4fc964ff', jobId);
    expect(await harness.life(simulator.url).run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'vanished' });
    expect(simulator.counters.promptsPosted).toBe(0);
  }, 15_000);

  it('twice at once: of two processes with the same name one POSTs, and both end', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const lives = [harness.life(simulator.url), harness.life(simulator.url)];
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 40 }) });
    const assigned = await jobs.assign(jobId);
    expect(await Promise.all(lives.map((life) => life.run(assigned)))).toEqual([DONE, DONE]);
    expect(simulator.counters.promptsPosted).toBe(1);
    // Both saw it end; the second fact has the id of the first and so is the same one.
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });
});

describe('a ComfyUI that fails', () => {
  it('drops the websocket in mid-run: HTTP alone brings the job to its end', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ faults: { dropSocketAtPercent: 0.5 } });
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 60 }) });
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('is away and comes back with an empty queue: waited for, then vanished, and attempt 2 may run', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: LONG }) });
    const ended = life.run(await jobs.assign(jobId));
    await untilSampling(simulator);
    await simulator.close();
    const restarted = await harness.simulator({ port: simulator.port });
    expect(await ended).toEqual(DONE);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'vanished' });
    expect(await life.run(await jobs.assign(jobId, 2))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed', 'started', 'executed']);
    expect(restarted.counters.promptsPosted).toBe(1);
  }, 20_000);

  it('does not know the prompt for one look: that alone is not vanished, and the job is executed', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const jobId = await jobs.accept();
    let looks = 0;
    const gate = await harness.gate(simulator.url, (call) => {
      if (call !== `GET /api/jobs/${promptIdOf(jobId, 1)}`) return 'pass';
      looks += 1;
      return looks === 1 ? UNKNOWN_JOB : 'pass';
    });
    expect(await harness.life(gate.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(looks).toBeGreaterThan(1);
  });

  it('answers the POST with a plain 500: transient, with status and body, and never POSTed twice', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ faults: { refuseNewPrompts500: true } });
    const jobId = await jobs.accept();
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'transient', reason: 'submission-refused', evidence: { httpStatus: 500 } });
    expect(failed.evidence.response).toContain('Server got itself in trouble');
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('raises in a node: the class and the whole evidence are recorded', async () => {
    const { jobs } = harness;
    const failNode = {
      class_type: 'KSampler',
      exception_type: 'RuntimeError',
      message: 'mat1 and mat2 shapes cannot be multiplied',
    };
    const simulator = await harness.simulator({ faults: { failNode } });
    const jobId = await jobs.accept();
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
    const failed = await jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({
      class: 'internal',
      reason: 'execution-error',
      evidence: { nodeId: '3', nodeType: 'KSampler', exceptionType: 'RuntimeError' },
    });
    expect(failed.evidence.exceptionMessage).toContain('mat1 and mat2');
    expect(failed.evidence.traceback).not.toEqual([]);
  });

  it('runs out of memory: oom', async () => {
    const { jobs } = harness;
    const failNode = {
      class_type: 'KSampler',
      exception_type: 'torch.OutOfMemoryError',
      message: 'Allocation on device 0',
    };
    const simulator = await harness.simulator({ faults: { failNode } });
    const jobId = await jobs.accept();
    await harness.life(simulator.url).run(await jobs.assign(jobId));
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'oom' });
  });
});

describe('a cancel', () => {
  it('while running stops the prompt and is answered once', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 2_000 }) });
    const run = life.run(await jobs.assign(jobId));
    await untilSampling(simulator);
    const began = performance.now();
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'cancelled', reason: 'cancelled' });
  });

  it('while it waits for the server keeps it from ever being POSTed', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const others = await Promise.all([1, 2].map((seed) => jobs.accept({ graph: imageGraph({ steps: LONG, seed }) })));
    const runs = await Promise.all(others.map(async (jobId) => ({ done: life.run(await jobs.assign(jobId)) })));
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'both places on the server are taken' });
    const jobId = await jobs.accept();
    const waiting = life.run(await jobs.assign(jobId));
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await waiting).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
    await Promise.all(runs.map(({ done }) => done));
    expect(simulator.counters.promptsPosted).toBe(2);
  });

  it('of a prompt that waits in the server’s queue leaves the one that runs alone', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const [runs, waits] = [
      await jobs.accept({ graph: imageGraph({ steps: LONG }) }),
      await jobs.accept({ graph: imageGraph({ seed: 2 }) }),
    ];
    const running = life.run(await jobs.assign(runs));
    await untilSampling(simulator);
    const waiting = life.run(await jobs.assign(waits));
    await eventually(() => simulator.counters.promptsPosted === 2, { what: 'the second is queued' });
    expect(await life.run(await jobs.orderCancel(waits))).toEqual(DONE);
    expect(await waiting).toEqual(DONE);
    expect(await jobs.trail(waits)).toEqual(['started', 'attempt-failed']);
    expect(await running).toEqual(DONE);
    expect(await jobs.trail(runs)).toEqual(['started', 'executed']);
  });

  it('of a job that this life never saw is answered, and the assignment that comes late does not start it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    const assigned = await jobs.assign(jobId);
    const ordered = await jobs.orderCancel(jobId);
    expect(await life.run(ordered)).toEqual(DONE);
    expect(await life.run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
    expect(simulator.counters.promptsPosted).toBe(0);
  });

  it('after the end changes nothing', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    await life.run(await jobs.assign(jobId));
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
  });

  it('with another process on the same server stops the prompt there too', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const [runner, other] = [harness.life(simulator.url), harness.life(simulator.url)];
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 2_000 }) });
    const run = runner.run(await jobs.assign(jobId));
    await untilSampling(simulator);
    expect(await other.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'cancelled' });
  });

  it('while ComfyUI is away is answered at once and goes on until the server has heard', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept();
    await jobs.assign(jobId);
    const ordered = await jobs.orderCancel(jobId);
    await simulator.close();
    expect(await life.run(ordered)).toMatchObject({ kind: 'retry', delayMs: 2_000 });
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
    await harness.simulator({ port: simulator.port });
    expect(await life.run(ordered)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
  });
});
