import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { DEFAULT_MODEL_FILES } from './model-files.js';
import type { Simulator } from './simulator.js';
import { get, type TestGraph, withSimulator } from './spec-client.js';
import { changed, download, filesOf, gradient, halfMask, mediaInfo, run, studioGraphs, upload } from './spec-graphs.js';

/** Pictures the graphs load, 96 by 64. */
const INPUTS = 'input pose_ref lineart_ref character_ref keyframe first last pose_sheet_openpose'.split(' ');

type Inputs = Readonly<Record<string, Record<string, unknown>>>;
interface Picture {
  readonly picture: readonly [width: number, height: number];
}
interface Clip {
  readonly clip: readonly [width: number, height: number];
  readonly frames: number;
  readonly fps: number;
}

const SMALL = { width: 64, height: 96 };
/** Lengths are no multiple plus one on purpose: what comes out is. */
const WAN = { width: 64, height: 48, length: 12 };

/** Graph: the inputs that make it small, and what its files must be. */
const CASES: Readonly<Record<string, readonly [Inputs, Picture | Clip]>> = {
  '01_sdxl_txt2img_lora': [{ '6': SMALL }, { picture: [64, 96] }],
  '02_noobai_vpred_txt2img': [{ '6': SMALL }, { picture: [64, 96] }],
  '03_hiresfix_latent': [{ '6': SMALL }, { picture: [96, 144] }],
  '04_hiresfix_esrgan': [{ '6': SMALL }, { picture: [96, 144] }],
  // 0.01 megapixels of 3:2 are 125 by 84, of which the VAE takes multiples of eight.
  '05_img2img': [{ '7': { megapixels: 0.01 } }, { picture: [120, 80] }],
  '06_controlnet_openpose': [{ '7': { resolution: 64 }, '11': SMALL }, { picture: [64, 96] }],
  '07_controlnet_lineart': [{ '7': { resolution: 64 }, '11': SMALL }, { picture: [64, 96] }],
  '08_ipadapter_character': [{ '10': SMALL }, { picture: [64, 96] }],
  '09_inpaint': [{}, { picture: [96, 64] }],
  '10_facedetailer': [{}, { picture: [96, 64] }],
  '11_animatediff_txt2vid': [{ '8': { ...SMALL, batch_size: 5 } }, { clip: [64, 96], frames: 5, fps: 8 }],
  '12_svd_img2vid': [{ '3': { width: 64, height: 48, video_frames: 7 } }, { clip: [64, 48], frames: 7, fps: 8 }],
  '13_wan21_t2v': [{ '7': WAN }, { clip: [64, 48], frames: 9, fps: 16 }],
  '14_wan21_i2v': [{ '10': WAN }, { clip: [64, 48], frames: 9, fps: 16 }],
  '15_wan22_5b_ti2v': [{ '8': { width: 96, height: 64, length: 12 } }, { clip: [96, 64], frames: 9, fps: 24 }],
  '16_wan22_14b_t2v': [{ '5': WAN }, { clip: [64, 48], frames: 9, fps: 16 }],
  '17_wan22_14b_i2v': [{ '6': WAN }, { clip: [64, 48], frames: 9, fps: 16 }],
  '18_wan22_first_last_frame': [{ '7': WAN }, { clip: [64, 48], frames: 9, fps: 16 }],
  '19_ltxv_t2v': [{ '5': { width: 96, height: 64, length: 20 } }, { clip: [96, 64], frames: 17, fps: 25 }],
  '20_ltxv_i2v': [{ '7': { width: 96, height: 64, length: 20 } }, { clip: [96, 64], frames: 17, fps: 25 }],
  '21_hunyuan_t2v': [{ '7': WAN }, { clip: [64, 48], frames: 9, fps: 24 }],
  '22_hunyuan_i2v': [{ '9': WAN }, { clip: [64, 48], frames: 9, fps: 24 }],
  // Nine frames a second in sections of four, and one more; a tenth of the bucket 768 by 512.
  '23_framepack_i2v': [
    { '5': { base_resolution: 64 }, '12': { latent_window_size: 1, total_second_length: 0.3 } },
    { clip: [80, 48], frames: 9, fps: 30 },
  ],
  // Five frames have four gaps.
  '24_rife_interpolation': [{}, { clip: [64, 48], frames: 9, fps: 32 }],
  '25_upscale_esrgan': [{}, { picture: [384, 256] }],
  '26_ultimate_sd_upscale': [{}, { picture: [192, 128] }],
  '27_character_sheet': [{ '13': { width: 144, height: 96 } }, { picture: [144, 96] }],
  '28_last_frame_of_clip': [{}, { picture: [64, 48] }],
};

async function prepare(simulator: Simulator, dataDir: string): Promise<void> {
  for (const [index, name] of INPUTS.entries())
    await upload(simulator, `${name}.png`, await gradient(96, 64, index * 30));
  await upload(simulator, 'mask.png', await halfMask(96, 64));
  const clip = await run(simulator, {
    '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 48, batch_size: 5, color: 0x336699 } },
    '2': { class_type: 'CreateVideo', inputs: { images: ['1', 0], fps: 16 } },
    '3': { class_type: 'SaveVideo', inputs: { video: ['2', 0], filename_prefix: 'clip', format: 'auto' } },
  });
  const [file] = filesOf(clip);
  for (const target of ['input/clip.mp4', 'output/clip_k.mp4']) {
    await copyFile(join(dataDir, 'output', file!.filename), join(dataDir, target));
  }
}

/** Two steps instead of twenty: the files are the same in kind. */
function fast(graph: TestGraph): TestGraph {
  const copy = structuredClone(graph);
  for (const { inputs } of Object.values(copy)) {
    if (typeof inputs['steps'] !== 'number') continue;
    inputs['steps'] = 2;
    if (typeof inputs['start_at_step'] !== 'number') continue;
    if (inputs['start_at_step'] > 0) inputs['start_at_step'] = 1;
    else inputs['end_at_step'] = 1;
  }
  return copy;
}

const graphs = await studioGraphs();

describe('the graphs of the studio', () => {
  it('are all in the table below', () => {
    expect(Object.keys(CASES)).toEqual(Object.keys(graphs));
  });

  it('run over HTTP and make files of the size, length and rate they ask for', async () => {
    await withSimulator(
      async (simulator, dataDir) => {
        await prepare(simulator, dataDir);
        for (const [name, [inputs, expected]] of Object.entries(CASES)) {
          const finished = await run(simulator, changed(fast(graphs[name]!), inputs));
          expect({ name, error: finished.error }).toEqual({ name, error: undefined });
          const files = filesOf(finished);
          expect({ name, files: files.length }).toEqual({ name, files: 1 });
          const [file] = files;
          if ('picture' in expected) {
            const { format, width, height } = await sharp(await download(simulator, file!)).metadata();
            expect({ name, format, size: [width, height] }).toEqual({ name, format: 'png', size: expected.picture });
          } else {
            const { video } = await mediaInfo(simulator, file!);
            const { width, height, frames, fps, codec } = video!;
            const clip = [width, height];
            expect({ name, clip, frames, fps, codec }).toEqual({ name, ...expected, codec: 'h264' });
          }
        }
      },
      { stepDelayMs: 0, checkpoints: DEFAULT_MODEL_FILES['checkpoints']!, vramTotalMb: 49_152 },
    );
  }, 120_000);

  it('name only files that the loaders offer by default', async () => {
    await withSimulator(
      async (simulator) => {
        const info = await get<Record<string, { input: { required: Record<string, unknown[]> } }>>(
          simulator,
          '/object_info',
        );
        for (const [name, graph] of Object.entries(graphs)) {
          for (const [id, { class_type: type, inputs }] of Object.entries(graph)) {
            for (const [input, [choices, config]] of Object.entries(info[type]!.input.required)) {
              const files = Array.isArray(choices) ? choices : (config as { options?: unknown[] } | undefined)?.options;
              const isFile = /(ckpt|unet|lora|vae|clip|control_net|model)_?name/.test(input);
              if (isFile && files !== undefined)
                expect({ name, id, files }).toMatchObject({ files: expect.arrayContaining([inputs[input]]) });
            }
          }
        }
      },
      { checkpoints: DEFAULT_MODEL_FILES['checkpoints']! },
    );
  });
});
