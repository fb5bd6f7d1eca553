import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { DEFAULT_MODEL_FILES } from './model-files.js';
import { readPngText } from './png-text.js';
import type { Simulator } from './simulator.js';
import { type TestGraph, withSimulator } from './spec-client.js';
import {
  changed,
  distance,
  download,
  filesOf,
  gradient,
  mediaInfo,
  pixelsOf,
  run,
  studioGraphs,
  upload,
} from './spec-graphs.js';

const graphs = await studioGraphs();
const ROOM = { stepDelayMs: 0, vramTotalMb: 49_152, checkpoints: DEFAULT_MODEL_FILES['checkpoints']! };
const WAN = { width: 64, height: 48, length: 9 };

/** The frames of a clip graph, by saving its pictures one by one instead. */
async function frames(simulator: Simulator, graph: TestGraph, decode: string): Promise<Buffer[]> {
  const saved: TestGraph = {
    ...graph,
    save: { class_type: 'SaveImage', inputs: { images: [decode, 0], filename_prefix: 'f' } },
  };
  const finished = await run(simulator, saved, { partial_execution_targets: ['save'] });
  return Promise.all(filesOf(finished).map(async (file) => pixelsOf(await download(simulator, file))));
}

describe('what a clip is made of', () => {
  it('starts with its first picture, ends with its last and moves in between', async () => {
    await withSimulator(async (simulator) => {
      await upload(simulator, 'first.png', await gradient(64, 48, 0));
      await upload(simulator, 'last.png', await gradient(64, 48, 255));
      const graph = changed(graphs['18_wan22_first_last_frame']!, {
        '7': WAN,
        '12': { steps: 2, end_at_step: 1 },
        '13': { steps: 2, start_at_step: 1 },
      });
      const all = await frames(simulator, graph, '14');
      expect(all).toHaveLength(9);
      expect(distance(all[0]!, await pixelsOf(await gradient(64, 48, 0)))).toBeLessThan(2);
      expect(distance(all[8]!, await pixelsOf(await gradient(64, 48, 255)))).toBeLessThan(2);
      for (let index = 1; index < all.length; index += 1)
        expect(distance(all[index]!, all[index - 1]!)).toBeGreaterThan(0.1);
      expect(distance(all[4]!, all[0]!)).toBeGreaterThan(10);
    }, ROOM);
  });

  it('is one drawing when two samplers share a schedule: the second goes on where the first stopped', async () => {
    await withSimulator(async (simulator) => {
      const steps = (first: number): TestGraph =>
        changed(graphs['16_wan22_14b_t2v']!, {
          '5': { ...WAN, length: 5 },
          '10': { steps: 10, end_at_step: first },
          '11': { steps: 10, start_at_step: first },
        });
      const [even, uneven] = [await frames(simulator, steps(5), '12'), await frames(simulator, steps(2), '12')];
      // Where the hand-over happens does not matter, that the steps are all done does.
      expect(distance(even[0]!, uneven[0]!)).toBe(0);
      expect(simulator.counters.samplerRuns).toBe(4);
    }, ROOM);
  });

  it('gets the old frames and the mean of their neighbours when it is interpolated', async () => {
    await withSimulator(async (simulator) => {
      await upload(simulator, 'a.png', await gradient(32, 32, 0));
      await upload(simulator, 'b.png', await gradient(32, 32, 200));
      const rife = { ...graphs['24_rife_interpolation']!['2']!.inputs, multiplier: 4, frames: ['3', 0] };
      const graph = {
        '1': { class_type: 'LoadImage', inputs: { image: 'a.png' } },
        '2': { class_type: 'LoadImage', inputs: { image: 'b.png' } },
        '3': { class_type: 'ImageBatch', inputs: { image1: ['1', 0], image2: ['2', 0] } },
        '4': { class_type: 'RIFE VFI', inputs: rife },
      };
      const all = await frames(simulator, graph, '4');
      expect(all.map((frame) => frame[2])).toEqual([0, 50, 100, 150, 200]);
    }, ROOM);
  });

  it('keeps its sound and its graph in the MP4, and gives both back when it is loaded', async () => {
    await withSimulator(async (simulator, dataDir) => {
      const made = await run(
        simulator,
        {
          '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 48, batch_size: 12, color: 255 } },
          '2': { class_type: 'EmptyAudio', inputs: { duration: 1.5, sample_rate: 22_050, channels: 2 } },
          '3': { class_type: 'CreateVideo', inputs: { images: ['1', 0], fps: 8, audio: ['2', 0] } },
          '4': { class_type: 'SaveVideo', inputs: { video: ['3', 0], filename_prefix: 'v/clip', format: 'auto' } },
        },
        { extra_data: { extra_pnginfo: { workflow: { id: 'a=b;c#d' } } } },
      );
      const [file] = filesOf(made);
      expect(made.outputs['4']).toMatchObject({
        animated: [true],
        images: [{ filename: 'clip_00001_.mp4', subfolder: 'v' }],
      });
      const info = await mediaInfo(simulator, file!);
      expect(info).toMatchObject({
        video: { frames: 12, fps: 8 },
        audio: { channels: 2, sampleRate: 22_050, codec: 'aac' },
      });
      expect(info.tags).toMatchObject({
        workflow: '{"id": "a=b;c#d"}',
        software: expect.stringContaining('simulator'),
      });
      expect(JSON.parse(info.tags['prompt']!)).toHaveProperty('4.class_type', 'SaveVideo');
      await writeFile(join(dataDir, 'input', 'clip.mp4'), await readFile(join(dataDir, 'output', 'v', file!.filename)));
      const loaded = await run(simulator, {
        '1': { class_type: 'LoadVideo', inputs: { file: 'clip.mp4' } },
        '2': { class_type: 'GetVideoComponents', inputs: { video: ['1', 0] } },
        '3': { class_type: 'PreviewAny', inputs: { source: ['2', 2] } },
        '4': { class_type: 'GetImageSize', inputs: { image: ['2', 0] } },
        '5': { class_type: 'PreviewAny', inputs: { source: ['4', 2] } },
        '6': { class_type: 'SaveAudio', inputs: { audio: ['2', 1], filename_prefix: 'audio/a' } },
      });
      expect(loaded.outputs).toMatchObject({ '3': { text: ['8'] }, '5': { text: ['12'] } });
      const sound = await mediaInfo(simulator, { filename: 'a_00001_.flac', subfolder: 'audio', type: 'output' });
      expect(sound.audio).toMatchObject({ channels: 2, sampleRate: 22_050, codec: 'flac' });
      expect(sound.seconds).toBeGreaterThan(1.3);
      expect(sound.seconds).toBeLessThan(1.7);
    });
  });

  it('is told by VideoHelperSuite as gifs, with a picture that holds the graph under the same number', async () => {
    await withSimulator(async (simulator, dataDir) => {
      const combine = graphs['24_rife_interpolation']!['3']!.inputs;
      const flat = (color: number): TestGraph[string] => ({
        class_type: 'EmptyImage',
        inputs: { width: 33, height: 20, batch_size: 1, color },
      });
      const graph = (save: boolean, format: string): TestGraph => ({
        ...Object.fromEntries(['7', '8', '9'].map((id) => [id, flat(Number(id) * 25)])),
        '10': { class_type: 'ImageBatch', inputs: { image1: ['7', 0], image2: ['8', 0] } },
        '1': { class_type: 'ImageBatch', inputs: { image1: ['10', 0], image2: ['9', 0] } },
        '2': { class_type: 'EmptyAudio', inputs: { duration: 1, sample_rate: 8000, channels: 1 } },
        '3': {
          class_type: 'VHS_VideoCombine',
          inputs: {
            ...combine,
            images: ['1', 0],
            audio: ['2', 0],
            frame_rate: 4,
            pingpong: true,
            save_output: save,
            format,
          },
        },
      });
      const clip = await run(simulator, graph(true, 'video/h264-mp4'));
      expect(clip.outputs['3']).toEqual({
        gifs: [
          {
            filename: 'rife_00001-audio.mp4',
            subfolder: 'aff',
            type: 'output',
            format: 'video/h264-mp4',
            frame_rate: 4,
            workflow: 'rife_00001.png',
            fullpath: join(dataDir, 'output', 'aff', 'rife_00001-audio.mp4'),
          },
        ],
      });
      // Forth and back without the ends is four frames; odd sides are made even.
      const { video } = await mediaInfo(simulator, filesOf(clip)[0]!);
      expect(video).toMatchObject({ frames: 4, width: 34, height: 20, fps: 4 });
      const still = await readFile(join(dataDir, 'output', 'aff', 'rife_00001.png'));
      expect(JSON.parse(readPngText(still)['prompt']!)).toHaveProperty('3.class_type', 'VHS_VideoCombine');
      const gif = filesOf(await run(simulator, graph(false, 'image/gif')))[0]!;
      expect(gif).toMatchObject({ filename: 'rife_00001.gif', type: 'temp' });
      expect(await sharp(await download(simulator, gif), { pages: -1 }).metadata()).toMatchObject({
        format: 'gif',
        pages: 4,
      });
      const webp = filesOf(await run(simulator, graph(true, 'image/webp')))[0]!;
      expect(webp.filename).toBe('rife_00002.webp');
      expect((await sharp(await download(simulator, webp), { pages: -1 }).metadata()).pages).toBe(4);
    });
  });
});
