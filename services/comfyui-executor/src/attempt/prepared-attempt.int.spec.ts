import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobAttemptFailedV2, JobDeclinedV1, JobExecutedV2, type ApiGraph } from '@anime/contracts';
import { DONE, type Outcome } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import sharp from 'sharp';
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

const MODEL = 'simulated-anime-v1.safetensors';
const OTHER = 'simulated-other-v1.safetensors';
const CHECKPOINTS = { checkpoints: [MODEL, OTHER], modelSizesMb: { [MODEL]: 4_000, [OTHER]: 4_000 } };

/** A gate that counts the calls of a route. */
async function counting(url: string, call: string): Promise<{ readonly url: string; count(): number }> {
  let count = 0;
  const gate = await harness.gate(url, (seen) => {
    if (seen === call) count += 1;
    return 'pass';
  });
  return { url: gate.url, count: () => count };
}

describe('what a server does not have', () => {
  it('hands a job back that needs a node: nothing is begun, and the nearest names are told', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const jobId = await jobs.accept({
      graph: { ...imageGraph(), '8': { class_type: 'VAEDecodeTurbo', inputs: { samples: ['3', 0], vae: ['4', 2] } } },
    });
    const life = harness.life(simulator.url);
    const assigned = await jobs.assign(jobId);
    expect(await life.run(assigned)).toEqual(DONE);
    expect(await life.run(assigned)).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['declined']);
    const declined = await jobs.fact(JobDeclinedV1, jobId);
    expect(declined).toMatchObject({
      reason: 'missing-node',
      evidence: { nodeId: '8', nodeType: 'VAEDecodeTurbo', response: expect.stringContaining('"VAEDecode"') },
    });
    expect(declined.message).toContain('VAEDecode');
    expect(simulator.counters.promptsPosted).toBe(0);
  });

  it('hands a job back that needs a model, and takes it once the model is there', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ checkpoints: [MODEL] });
    const life = harness.life(simulator.url);
    const jobId = await jobs.accept({ graph: imageGraph({ checkpoint: 'simulated-anime-v2.safetensors' }) });
    expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
    const declined = await jobs.fact(JobDeclinedV1, jobId);
    expect(declined).toMatchObject({
      reason: 'missing-model',
      message:
        'CheckpointLoaderSimple (node 4): the server has no simulated-anime-v2.safetensors for ckpt_name; the nearest that it has: simulated-anime-v1.safetensors',
      evidence: { nodeId: '4', nodeType: 'CheckpointLoaderSimple' },
    });
    expect(simulator.counters.promptsPosted).toBe(0);

    // The list that is known is not believed when it lacks something.
    simulator.modelFiles['checkpoints'] = [MODEL, 'simulated-anime-v2.safetensors'];
    expect(await life.run(await jobs.assign(jobId, 2))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['declined', 'started', 'executed']);
  });

  it('is asked for once: a second job with the same nodes asks nothing', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const gate = await counting(simulator.url, 'GET /object_info/KSampler');
    const life = harness.life(gate.url);
    for (const seed of [1, 2]) await life.run(await jobs.assign(await jobs.accept({ graph: imageGraph({ seed }) })));
    expect(gate.count()).toBe(1);
  });

  it('is still refused by the server where it went away unseen', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    await life.run(await jobs.assign(await jobs.accept()));
    simulator.faults.missingModels = [MODEL];
    const [second, third] = [await jobs.accept(), await jobs.accept()];
    await life.run(await jobs.assign(second));
    expect(await jobs.fact(JobAttemptFailedV2, second)).toMatchObject({
      class: 'missing-model',
      reason: 'submission-refused',
    });
    // From then on it is known to be missing.
    await life.run(await jobs.assign(third));
    expect(await jobs.fact(JobDeclinedV1, third)).toMatchObject({ reason: 'missing-model' });
  });
});

describe('the memory of the GPU', () => {
  it('that is smaller than the job needs makes it decline, with the figures', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192 });
    const jobId = await jobs.accept();
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId, 1, { vramGb: 12 }))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['declined']);
    expect(await jobs.fact(JobDeclinedV1, jobId)).toMatchObject({
      reason: 'too-little-memory',
      message: 'The job needs 12.0 GB of GPU memory, and the GPU has 8.6 GB',
      evidence: { memory: { neededBytes: 12e9, totalBytes: 8_192 * 2 ** 20, freeBytes: expect.any(Number) } },
    });
  });

  it('that something else holds makes it decline after ComfyUI was asked to free its own', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, faults: { reservedVramMb: 4_000 } });
    const gate = await counting(simulator.url, 'POST /free');
    const jobId = await jobs.accept();
    const life = harness.life(gate.url, { freePatienceMs: 200 });
    expect(await life.run(await jobs.assign(jobId, 1, { vramGb: 6 }))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['declined']);
    const declined = await jobs.fact(JobDeclinedV1, jobId);
    expect(declined).toMatchObject({ reason: 'no-memory', evidence: { memory: { neededBytes: 6e9 } } });
    expect(declined.evidence.memory?.freeBytes).toBeLessThan(6e9);
    expect(gate.count()).toBe(1);
    expect(simulator.counters.promptsPosted).toBe(0);
  });

  it('that models of other jobs hold is freed before the job is begun', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, ...CHECKPOINTS });
    const life = harness.life(simulator.url);
    await life.run(await jobs.assign(await jobs.accept({ graph: imageGraph({ checkpoint: OTHER }) })));
    expect(simulator.gpu.loadedModels).toEqual([OTHER]);
    const gate = await counting(simulator.url, 'POST /free');
    const jobId = await jobs.accept();
    expect(await harness.life(gate.url).run(await jobs.assign(jobId, 1, { vramGb: 6 }))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(gate.count()).toBe(1);
    expect(simulator.gpu.loadedModels).toEqual([MODEL]);
  });

  it('that the job’s own model holds is left alone: it is not loaded twice', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, ...CHECKPOINTS });
    const gate = await counting(simulator.url, 'POST /free');
    const life = harness.life(gate.url);
    for (const seed of [1, 2, 3])
      await life.run(await jobs.assign(await jobs.accept({ graph: imageGraph({ seed }) }), 1, { vramGb: 6 }));
    expect(simulator.counters).toMatchObject({ promptsPosted: 3, modelLoads: { [MODEL]: 1 } });
    expect(gate.count()).toBe(0);
  });

  it('is freed when the order says so, and only while no prompt of ours is on the server', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, ...CHECKPOINTS });
    const freedBeside: number[] = [];
    const gate = await harness.gate(simulator.url, async (call): Promise<'pass'> => {
      if (call === 'POST /free') {
        const answer = await fetch(`${simulator.url}/prompt`);
        const { exec_info: info } = (await answer.json()) as { exec_info: { queue_remaining: number } };
        freedBeside.push(info.queue_remaining);
      }
      return 'pass';
    });
    const life = harness.life(gate.url);
    const [long, next] = [await jobs.accept({ graph: imageGraph({ steps: 100 }) }), await jobs.accept()];
    const running = life.run(await jobs.assign(long));
    await eventually(() => simulator.counters.samplerRuns === 1, { what: 'the first runs' });
    expect(await life.run(await jobs.assign(next, 1, { freeMemory: true }))).toEqual(DONE);
    expect(await running).toEqual(DONE);
    expect(freedBeside).toEqual([0]);
    expect(simulator.counters.modelLoads[MODEL]).toBe(2);
    expect(await jobs.trail(next)).toEqual(['started', 'executed']);
  });

  it('that was in use is told of a run that was over at once, for one request', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, ...CHECKPOINTS });
    let looks = 0;
    const life = harness.life(simulator.url, { onFigures: () => (looks += 1) });
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 1 }) });
    await life.run(await jobs.assign(jobId, 1, { vramGb: 0 }));
    const { vramPeakBytes, executionMs } = await jobs.fact(JobExecutedV2, jobId);
    expect(vramPeakBytes).toBeGreaterThan(4_000 * 2 ** 20);
    expect(vramPeakBytes).toBeLessThan(8_192 * 2 ** 20);
    // On a machine that was too busy it was not over at once.
    expect(looks).toBeLessThanOrEqual(1 + Math.floor((executionMs ?? 0) / 200));
  });

  it('that was in use in the middle of a run is told, though its end no longer shows it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator({ vramTotalMb: 8_192, ...CHECKPOINTS });
    const life = harness.life(simulator.url);
    const graph = imageGraph({ steps: 120 });
    const latent = { class_type: 'EmptyLatentImage', inputs: { width: 512, height: 512, batch_size: 1 } };
    const jobId = await jobs.accept({ graph: { ...graph, '5': latent } });
    await life.run(await jobs.assign(jobId));
    const { vramPeakBytes } = await jobs.fact(JobExecutedV2, jobId);
    const { total, free } = simulator.gpu.memory;
    expect(vramPeakBytes).toBeGreaterThan(total - free);
  });
});

describe('what a job takes in', () => {
  it('is on the server under the name of its content before the job, sent once until the server is started anew', async () => {
    const { jobs, blobs, dir } = harness;
    const simulator = await harness.simulator();
    const gate = await counting(simulator.url, 'POST /upload/image');
    const life = harness.life(gate.url);
    const { input, bytes } = await picture();
    for (const size of [32, 48]) {
      const jobId = await jobs.accept({ graph: invertGraph(input.name, size), inputs: [input] });
      expect(await life.run(await jobs.assign(jobId))).toEqual(DONE);
      expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    }
    expect(await readFile(path.join(dir, 'comfyui', 'input', input.name))).toEqual(bytes);
    expect(gate.count()).toBe(1);
    expect(await blobs.has(input.blob)).toBeDefined();

    await simulator.restart();
    // Nothing but the count of its prompts says so: this one is noticed when it has been taken.
    for (const size of [64, 80]) {
      const jobId = await jobs.accept({ graph: invertGraph(input.name, size), inputs: [input] });
      await life.run(await jobs.assign(jobId));
      expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    }
    expect(gate.count()).toBe(2);
  });

  it('and was deleted there is no fault of the job: the next attempt sends it again', async () => {
    const { jobs, dir } = harness;
    const simulator = await harness.simulator();
    const gate = await counting(simulator.url, 'POST /upload/image');
    const life = harness.life(gate.url);
    const { input } = await picture();
    const remove = (): Promise<void> => rm(path.join(dir, 'comfyui', 'input', input.name));
    const run = async (jobId: string, attempt: number): Promise<Outcome> => life.run(await jobs.assign(jobId, attempt));
    await run(await jobs.accept({ graph: invertGraph(input.name, 32), inputs: [input] }), 1);
    await remove();
    const jobId = await jobs.accept({ graph: invertGraph(input.name, 48), inputs: [input] });
    await run(jobId, 1);
    await run(jobId, 2);
    expect(await jobs.trail(jobId)).toEqual(['started', 'attempt-failed', 'started', 'executed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'transient',
      reason: 'input-missing',
      message: expect.stringContaining(`The input ${input.name} is not on the server any more`),
      evidence: { nodeId: '1', nodeType: 'LoadImage' },
    });
    expect(gate.count()).toBe(2);
  });

  it('and is still being sent does not hold up a cancel', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const sending = Promise.withResolvers<void>();
    const gate = await harness.gate(simulator.url, (call) => {
      if (call !== 'POST /upload/image') return 'pass';
      sending.resolve();
      return new Promise(() => undefined);
    });
    const life = harness.life(gate.url, { timeoutMs: 60_000 });
    const { input } = await picture();
    const jobId = await jobs.accept({ graph: invertGraph(input.name, 32), inputs: [input] });
    const run = life.run(await jobs.assign(jobId));
    await sending.promise;
    expect(await life.run(await jobs.orderCancel(jobId))).toEqual(DONE);
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
    expect(simulator.counters.promptsPosted).toBe(0);
  });

  it('and is not in the blob store fails the attempt, naming it', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const blob = createHash('sha256').update('nobody has this').digest('hex');
    const input = { parameter: 'picture', blob, name: `${blob}.png`, size: 15, mediaType: 'image/png' };
    const jobId = await jobs.accept({ graph: invertGraph(input.name, 32), inputs: [input] });
    expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({
      class: 'internal',
      reason: 'input-missing',
      message: `The input ${input.name} (parameter picture) is not in the blob store`,
    });
    expect(simulator.counters.promptsPosted).toBe(0);
  });
});

describe('a server that is away', () => {
  it('is waited for before the attempt is begun, so that it is not lost', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    await simulator.crash();
    const jobId = await jobs.accept();
    const run = life.run(await jobs.assign(jobId));
    await eventually(() => life.progress.some(({ phase }) => phase === 'waiting'), { what: 'it waits' });
    await simulator.restart();
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
    expect(simulator.counters.promptsPosted).toBe(1);
  });

  it('does not hold up a cancel', async () => {
    const { jobs } = harness;
    const simulator = await harness.simulator();
    const life = harness.life(simulator.url);
    await simulator.crash();
    const jobId = await jobs.accept();
    const run = life.run(await jobs.assign(jobId));
    await eventually(() => life.progress.some(({ phase }) => phase === 'waiting'), { what: 'it waits' });
    expect(await life.run(await jobs.orderCancel(jobId))).toMatchObject({ kind: 'retry' });
    expect(await run).toEqual(DONE);
    expect(await jobs.trail(jobId)).toEqual(['attempt-failed']);
  });
});

async function picture() {
  const raw = { width: 16, height: 16, channels: 3, background: 'teal' } as const;
  const bytes = await sharp({ create: raw }).png().toBuffer();
  const { sha256: blob, size } = await harness.blobs.put(bytes);
  return { bytes, input: { parameter: 'picture', blob, name: `${blob}.png`, size, mediaType: 'image/png' } };
}

/** Takes a picture, makes it `size` wide, and saves it. */
function invertGraph(name: string, size: number): ApiGraph {
  return {
    '1': { class_type: 'LoadImage', inputs: { image: name } },
    '2': {
      class_type: 'ImageScale',
      inputs: { image: ['1', 0], upscale_method: 'bilinear', width: size, height: size, crop: 'disabled' },
    },
    '9': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: 'take' } },
  };
}
