import { createHash } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Simulator } from '@anime/comfyui-simulator';
import { JobAttemptFailedV2, JobExecutedV2, type ApiGraph, type EventData, type JobAcceptedV3 } from '@anime/contracts';
import { DONE } from '@anime/messaging';
import { useNats } from '@anime/testing';
import sharp from 'sharp';
import { ModelHashes } from '../environment/model-hashes.js';
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

type Outputs = EventData<typeof JobAcceptedV3>['outputs'];
const output = (
  node: string,
  kind: Outputs[number]['kind'],
  prefix: string | null = 'filename_prefix',
): Outputs[number] => ({
  node,
  kind,
  role: 'main',
  filenamePrefixInput: prefix,
});

/** Three frames, in the same colour. */
const FRAMES = { class_type: 'EmptyImage', inputs: { width: 64, height: 48, batch_size: 3, color: 255 } };

const MP4 = { frame_rate: 8, loop_count: 0, format: 'video/h264-mp4', pingpong: false, save_output: true };
const WEBP = { fps: 8, lossless: true, quality: 80, method: 'default' };

/** With other bytes in the middle of its pixels. */
function damaged(png: Buffer): Buffer {
  const middle = png.indexOf('IDAT') + 12;
  return Buffer.concat([png.subarray(0, middle), Buffer.alloc(8, 0xff), png.subarray(middle + 8)]);
}

/** Runs a job that makes these outputs to its end. @returns its id */
async function run(simulator: Simulator, graph: ApiGraph, outputs: Outputs): Promise<string> {
  const { jobs } = harness;
  const jobId = await jobs.accept({ graph, outputs });
  expect(await harness.life(simulator.url).run(await jobs.assign(jobId))).toEqual(DONE);
  return jobId;
}

describe('outputs', () => {
  it('of every kind are stored, each file once, with what they are by their content', async () => {
    const simulator = await harness.simulator();
    const graph: ApiGraph = {
      '1': FRAMES,
      '2': { class_type: 'CreateVideo', inputs: { images: ['1', 0], fps: 8 } },
      '3': { class_type: 'EmptyAudio', inputs: { duration: 0.2, sample_rate: 8_000, channels: 1 } },
      '10': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'take' } },
      '11': {
        class_type: 'SaveAnimatedWEBP',
        inputs: { images: ['1', 0], filename_prefix: 'take', fps: 8, lossless: true, quality: 80, method: 'default' },
      },
      '12': {
        class_type: 'VHS_VideoCombine',
        inputs: {
          images: ['1', 0],
          frame_rate: 8,
          loop_count: 0,
          filename_prefix: 'take',
          format: 'image/gif',
          pingpong: false,
          save_output: true,
        },
      },
      '13': {
        class_type: 'VHS_VideoCombine',
        inputs: {
          images: ['1', 0],
          frame_rate: 8,
          loop_count: 0,
          filename_prefix: 'take',
          format: 'video/h264-mp4',
          pingpong: false,
          save_output: true,
        },
      },
      '14': { class_type: 'SaveAudio', inputs: { audio: ['3', 0], filename_prefix: 'take' } },
      '15': { class_type: 'SaveAudioMP3', inputs: { audio: ['3', 0], filename_prefix: 'take', quality: 'V0' } },
      '16': { class_type: 'PreviewAny', inputs: { source: 'a cat, smiling ☺' } },
      '17': { class_type: 'PreviewImage', inputs: { images: ['1', 0] } },
      '18': {
        class_type: 'SaveAnimatedPNG',
        inputs: { images: ['1', 0], filename_prefix: 'take', fps: 8, compress_level: 4 },
      },
    };
    const jobId = await run(simulator, graph, [
      output('10', 'image'),
      output('11', 'animation'),
      output('12', 'animation'),
      output('13', 'video'),
      output('14', 'audio'),
      output('15', 'audio'),
      output('16', 'text', null),
      output('18', 'animation'),
    ]);
    const { outputs } = await harness.jobs.fact(JobExecutedV2, jobId);
    expect(
      outputs
        .toSorted((a, b) => Number(a.node) - Number(b.node) || a.index - b.index)
        .map(({ node, index, kind, mediaType, pixelSha256 }) => [node, index, kind, mediaType, pixelSha256 !== null]),
    ).toEqual([
      ['10', 0, 'image', 'image/png', true],
      ['10', 1, 'image', 'image/png', true],
      ['10', 2, 'image', 'image/png', true],
      ['11', 0, 'animation', 'image/webp', true],
      ['12', 0, 'animation', 'image/gif', true],
      ['13', 0, 'video', 'video/mp4', false],
      ['14', 0, 'audio', 'audio/flac', false],
      ['15', 0, 'audio', 'audio/mpeg', false],
      ['16', 0, 'text', 'text/plain', false],
      // Frames of an animated PNG are not decoded here, and the first one alone is not the animation.
      ['18', 0, 'animation', 'image/png', false],
    ]);
    const text = outputs.find(({ kind }) => kind === 'text');
    expect(text?.filename).toBe('text_0.txt');
    expect(Buffer.from(await harness.blobs.get(text?.blob ?? '')).toString('utf8')).toBe('a cat, smiling ☺');
    for (const { blob, size } of outputs) expect(await harness.blobs.has(blob)).toEqual({ size });
  }, 60_000);

  it('have the hash of their pixels, which another encoding of the same pixels shares', async () => {
    const simulator = await harness.simulator();
    const colour = (color: number): ApiGraph[string] => ({
      class_type: 'EmptyImage',
      inputs: { width: 64, height: 48, batch_size: 1, color },
    });
    const graph: ApiGraph = {
      '2': colour(0xff_00_00),
      '3': colour(0x00_00_ff),
      '1': { class_type: 'ImageBatch', inputs: { image1: ['2', 0], image2: ['3', 0] } },
      '10': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'take' } },
      '11': {
        class_type: 'SaveAnimatedWEBP',
        inputs: { images: ['1', 0], filename_prefix: 'take', fps: 8, lossless: true, quality: 80, method: 'default' },
      },
    };
    const jobId = await run(simulator, graph, [output('10', 'image'), output('11', 'animation')]);
    const { outputs } = await harness.jobs.fact(JobExecutedV2, jobId);
    const [first] = outputs;
    const { data, info } = await sharp(await harness.blobs.get(first?.blob ?? ''))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const hash = (frames: number, pixels: Buffer): string =>
      createHash('sha256')
        .update(`${info.width}x${info.height}x${info.channels}x${frames}\n`)
        .update(pixels)
        .digest('hex');
    expect(first?.pixelSha256).toBe(hash(1, data));
    const clip = outputs.find(({ node }) => node === '11');
    const { data: all } = await sharp(await harness.blobs.get(clip?.blob ?? ''), { animated: true })
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(clip?.pixelSha256).toBe(hash(2, all));
  });

  it.each([
    ['truncated', 'output-torn', /is cut off/],
    ['empty', 'output-torn', /is empty/],
    ['deleted', 'output-missing', /has no such file/],
  ] as const)(
    'whose file is %s fail the attempt, which is tried again, naming the file',
    async (how, reason, message) => {
      const simulator = await harness.simulator({ faults: { tornFiles: { how } } });
      const jobId = await run(simulator, imageGraph(), [output('9', 'image')]);
      expect(await harness.jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
      const failed = await harness.jobs.fact(JobAttemptFailedV2, jobId);
      expect(failed).toMatchObject({ class: 'transient', reason, evidence: { nodeId: '9' } });
      expect(failed.message).toMatch(message);
      expect(failed.message).toContain('9_00001_.png');
    },
  );

  it.each([
    ['video', 'video', /10_00001\.mp4 of node 10 is cut off/],
    ['audio', 'audio', /10_00001_\.flac of node 10 is cut off/],
    ['an animated WebP', 'animation', /10_00001_\.webp of node 10 is cut off/],
  ] as const)('fail the attempt as well when it is cut off: %s', async (what, kind, message) => {
    const simulator = await harness.simulator({ faults: { tornFiles: { how: 'truncated' } } });
    const prefix = { filename_prefix: 'take' };
    const graph: ApiGraph = {
      '1': FRAMES,
      '3': { class_type: 'EmptyAudio', inputs: { duration: 0.2, sample_rate: 8_000, channels: 1 } },
      '10': {
        video: { class_type: 'VHS_VideoCombine', inputs: { images: ['1', 0], ...prefix, ...MP4 } },
        audio: { class_type: 'SaveAudio', inputs: { audio: ['3', 0], ...prefix } },
        'an animated WebP': { class_type: 'SaveAnimatedWEBP', inputs: { images: ['1', 0], ...prefix, ...WEBP } },
      }[what],
    };
    const jobId = await run(simulator, graph, [output('10', kind)]);
    expect(await harness.jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    const failed = await harness.jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'transient', reason: 'output-torn', evidence: { nodeId: '10' } });
    expect(failed.message).toMatch(message);
  });

  it.each([
    ['the first bytes of a PNG', 'image', (png) => png.subarray(0, 4), /is no picture/],
    ['zeros', 'image', () => Buffer.alloc(500), /nothing but zeros/],
    ['zeros', 'video', () => Buffer.alloc(500), /nothing but zeros/],
    ['the page of a proxy', 'image', () => Buffer.from('<html>502 Bad Gateway</html>'), /is no picture, but text/],
    ['the page of a proxy', 'audio', () => Buffer.from('<html>502 Bad Gateway</html>'), /is no audio, but text/],
    ['the head of an MP4', 'image', () => Buffer.from('\0\0\0\x10ftypisom\0\0\0\0', 'latin1'), /has no moov box/],
    ['a PNG without its end', 'image', (png) => png.subarray(0, -12), /is cut off before its IEND/],
    ['a damaged PNG', 'animation', damaged, /cannot be decoded/],
  ] satisfies readonly (readonly [string, Outputs[number]['kind'], (png: Buffer) => Buffer, RegExp])[])(
    'that are %s are no output of kind %s',
    async (_, kind, spoil, message) => {
      const simulator = await harness.simulator();
      const graph: ApiGraph = {
        '1': FRAMES,
        '9': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'torn/take' } },
      };
      // The same files for all: a cached run names those of the run before.
      const outputs = [output('9', kind, null)];
      await run(simulator, graph, [output('9', 'image', null)]);
      const folder = path.join(harness.dir, 'comfyui', 'output', 'torn');
      for (const name of await readdir(folder)) {
        const png = await sharp({ create: { width: 64, height: 48, channels: 3, background: 'red' } })
          .png()
          .toBuffer();
        await writeFile(path.join(folder, name), spoil(png));
      }
      const jobId = await run(simulator, graph, outputs);
      const failed = await harness.jobs.fact(JobAttemptFailedV2, jobId);
      expect(failed).toMatchObject({ class: 'transient', reason: 'output-torn', evidence: { nodeId: '9' } });
      expect(failed.message).toMatch(/take_0000\d_\.png of node 9/);
      expect(failed.message).toMatch(message);
      await rm(folder, { recursive: true });
    },
  );

  it('whose download is cut are fetched on from where it was cut', async () => {
    const simulator = await harness.simulator({ faults: { tornFiles: { how: 'cut-download', times: 1 } } });
    const jobId = await run(simulator, imageGraph(), [output('9', 'image')]);
    expect(await harness.jobs.trail(jobId)).toEqual(['started', 'executed']);
    const [made] = (await harness.jobs.fact(JobExecutedV2, jobId)).outputs;
    expect((await sharp(await harness.blobs.get(made?.blob ?? '')).stats()).isOpaque).toBe(true);
  });
});

describe('a job that makes more than one event can name', () => {
  it.each([
    ['too many files', 501, 'take', /made 501 outputs, a job may make 500 at most/],
    ['files with names too long', 500, '"'.repeat(220), /made 500 outputs, with names so long this is too much/],
  ])('with %s fails with that as the reason', async (_, count, prefix, message) => {
    const simulator = await harness.simulator();
    const graph: ApiGraph = {
      '1': { class_type: 'EmptyImage', inputs: { width: 8, height: 8, batch_size: count, color: 255 } },
      '9': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: prefix } },
    };
    const jobId = await run(simulator, graph, [output('9', 'image', null)]);
    expect(await harness.jobs.trail(jobId)).toEqual(['started', 'attempt-failed']);
    const failed = await harness.jobs.fact(JobAttemptFailedV2, jobId);
    expect(failed).toMatchObject({ class: 'invalid', reason: 'too-many-outputs' });
    expect(failed.message).toMatch(message);
  });
});

describe('a run that the server’s cache answered', () => {
  const PREVIEW: ApiGraph = {
    '1': FRAMES,
    '9': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'anime/same-for-all/take' } },
  };

  it('names the cached nodes; its save node ran, as its prefix is of its own', async () => {
    const simulator = await harness.simulator();
    await run(simulator, imageGraph(), [output('9', 'image')]);
    const again = await run(simulator, imageGraph(), [output('9', 'image')]);
    const executed = await harness.jobs.fact(JobExecutedV2, again);
    expect(executed).toMatchObject({ cached: false, outputs: [{ filename: '9_00001_.png' }] });
    expect(executed.cachedNodes.toSorted()).toEqual(['3', '4', '5', '6', '7', '8']);
    expect(simulator.counters.nodesByClass).toMatchObject({ KSampler: 1, SaveImage: 2 });
  });

  it('is called cached when no node ran', async () => {
    const simulator = await harness.simulator();
    await run(simulator, PREVIEW, [output('9', 'image', null)]);
    const again = await run(simulator, PREVIEW, [output('9', 'image', null)]);
    const executed = await harness.jobs.fact(JobExecutedV2, again);
    expect(executed.cached).toBe(true);
    expect(executed.cachedNodes.toSorted()).toEqual(['1', '9']);
    expect(simulator.counters.nodesByClass['SaveImage']).toBe(1);
  });

  it('fails when its file of an earlier run is gone; a prefix of its own makes the next attempt run', async () => {
    const { jobs, dir } = harness;
    const simulator = await harness.simulator();
    await run(simulator, PREVIEW, [output('9', 'image', null)]);
    const folder = path.join(dir, 'comfyui', 'output', 'anime', 'same-for-all');
    for (const name of await readdir(folder)) await rm(path.join(folder, name));
    const jobId = await run(simulator, PREVIEW, [output('9', 'image', null)]);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'transient', reason: 'output-missing' });

    const own = await run(simulator, PREVIEW, [output('9', 'image')]);
    expect((await jobs.fact(JobExecutedV2, own)).outputs).toHaveLength(3);
    // A second attempt of the same job as well.
    await harness.life(simulator.url).run(await jobs.assign(own, 2));
    expect(simulator.counters.nodesByClass['SaveImage']).toBe(3);
  });
});

describe('the models of a job', () => {
  const NAME = 'simulated-anime-v1.safetensors';
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('are named with their content as the server loaded it, and without where that is not known', async () => {
    const { jobs, dir } = harness;
    const folder = path.join(dir, 'models');
    await mkdir(folder);
    const write = (text: string): Promise<void> => writeFile(path.join(folder, NAME), text);
    await write('first');
    const simulator = await harness.simulator();
    // The file is replaced when the prompt of this seed has been sent.
    let replaceAt = 0;
    const gate = await harness.gate(simulator.url, async (call): Promise<'pass'> => {
      if (call === 'POST /prompt' && seed === replaceAt) await write('replaced');
      return 'pass';
    });
    const modelHashes = new ModelHashes({ folder, onError: () => undefined });
    const life = harness.life(gate.url, { modelHashes });
    let seed = 0;
    const hashOf = async (runner = life): Promise<string | null | undefined> => {
      seed += 1;
      const jobId = await jobs.accept({ graph: imageGraph({ seed }) });
      await runner.run(await jobs.assign(jobId));
      const executed = await jobs.fact(JobExecutedV2, jobId);
      expect(executed.models).toMatchObject([{ name: NAME }]);
      expect(executed.cachedNodes.includes('4')).toBe(seed > 1);
      return executed.models[0]?.sha256;
    };
    expect(await hashOf()).toBe(sha256('first'));
    // The loader's result comes from the cache.
    expect(await hashOf()).toBe(sha256('first'));
    replaceAt = 3;
    expect(await hashOf()).toBeNull();
    expect(await hashOf()).toBeNull();
    await write('first');
    expect(await hashOf()).toBeNull();
    expect(await hashOf(harness.life(simulator.url))).toBeNull();
    expect(
      await hashOf(harness.life(simulator.url, { modelHashes: new ModelHashes({ folder, onError: () => undefined }) })),
    ).toBeNull();
  });
});
