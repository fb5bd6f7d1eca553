import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { DEFAULT_MODEL_FILES } from './model-files.js';
import type { Simulator } from './simulator.js';
import { withSimulator } from './spec-client.js';
import {
  changed,
  distance,
  download,
  filesOf,
  type Finished,
  gradient,
  halfMask,
  pixelsOf,
  run,
  stripes,
  studioGraphs,
  upload,
} from './spec-graphs.js';

const graphs = await studioGraphs();
const ROOM = { stepDelayMs: 0, vramTotalMb: 49_152, checkpoints: DEFAULT_MODEL_FILES['checkpoints']! };

async function picture(simulator: Simulator, finished: Finished, index = 0): Promise<Buffer> {
  expect(finished.error).toBeUndefined();
  return pixelsOf(await download(simulator, filesOf(finished)[index]!));
}

describe('what a picture is made of', () => {
  it('shows in an image-to-image output, more the lower the denoising', async () => {
    await withSimulator(async (simulator) => {
      const outputs = async (blue: number, denoise: number): Promise<Buffer> => {
        await upload(simulator, 'input.png', await gradient(96, 64, blue));
        const graph = changed(graphs['05_img2img']!, { '7': { megapixels: 0.01 }, '9': { steps: 2, denoise } });
        return picture(simulator, await run(simulator, graph));
      };
      const [dark, light, free] = [await outputs(0, 0.4), await outputs(255, 0.4), await outputs(255, 1)];
      expect(distance(dark, light)).toBeGreaterThan(30);
      expect(distance(dark, light)).toBeGreaterThan(2 * distance(await outputs(0, 0.8), await outputs(255, 0.8)));
      expect(await outputs(0, 1)).toEqual(free);
    }, ROOM);
  });

  it('stays outside an inpainting mask, and changes inside', async () => {
    await withSimulator(async (simulator) => {
      const input = await gradient(96, 64);
      await upload(simulator, 'input.png', input);
      await upload(simulator, 'mask.png', await halfMask(96, 64));
      const graph = changed(graphs['09_inpaint']!, { '8': { expand: 4 }, '11': { steps: 2, denoise: 1 } });
      const after = await picture(simulator, await run(simulator, graph));
      const before = await pixelsOf(input);
      const column = (pixels: Buffer, x: number): Buffer =>
        Buffer.concat(Array.from({ length: 64 }, (_, y) => pixels.subarray((y * 96 + x) * 3, (y * 96 + x) * 3 + 3)));
      // The mask is white up to column 47 and grown by four.
      expect(column(after, 52)).toEqual(column(before, 52));
      expect(distance(column(after, 50), column(before, 50))).toBeGreaterThan(5);
      expect(distance(column(after, 5), column(before, 5))).toBeGreaterThan(5);
    }, ROOM);
  });

  it('is the enlarged input where only enlarging was asked for', async () => {
    await withSimulator(async (simulator) => {
      const input = await gradient(96, 64);
      await upload(simulator, 'input.png', input);
      const larger = await picture(simulator, await run(simulator, graphs['25_upscale_esrgan']!));
      const back = await sharp(larger, { raw: { width: 384, height: 256, channels: 3 } })
        .resize(96, 64)
        .raw()
        .toBuffer();
      expect(distance(back, await pixelsOf(input))).toBeLessThan(3);
    }, ROOM);
  });

  it.each([
    ['06_controlnet_openpose', 'pose_ref.png', '11', '12'],
    ['07_controlnet_lineart', 'lineart_ref.png', '11', '12'],
    ['08_ipadapter_character', 'character_ref.png', '10', '11'],
  ])('includes the reference of %s', async (name, reference, latent, sampler) => {
    await withSimulator(async (simulator) => {
      const size = { width: 64, height: 96 };
      const drawn = async (isStriped: boolean): Promise<Buffer> => {
        await upload(simulator, reference, isStriped ? await stripes(64, 96) : await gradient(64, 96));
        const graph = changed(graphs[name]!, { [latent]: size, [sampler]: { steps: 2 } });
        return picture(simulator, await run(simulator, graph));
      };
      expect(distance(await drawn(false), await drawn(true))).toBeGreaterThan(1);
    }, ROOM);
  });

  it('follows the strength of a LoRA, and not the file when the strength is zero', async () => {
    await withSimulator(async (simulator) => {
      const drawn = async (strength: number): Promise<Buffer> => {
        const graph = changed(graphs['01_sdxl_txt2img_lora']!, {
          '2': { strength_model: strength, strength_clip: strength },
          '6': { width: 64, height: 96 },
          '7': { steps: 2 },
        });
        return picture(simulator, await run(simulator, graph));
      };
      expect(distance(await drawn(0.8), await drawn(0.4))).toBeGreaterThan(0);
      const loads = simulator.counters.modelLoads['character.safetensors'];
      simulator.gpu.unloadModels();
      await drawn(0);
      expect(simulator.counters.modelLoads['character.safetensors']).toBe(loads);
    }, ROOM);
  });
});
