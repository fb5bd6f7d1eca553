import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import type { SamplingRecipe, Size } from './recipe.js';
import { remainingNoise, renderFrame, renderPreview } from './render.js';

const RECIPE: SamplingRecipe = {
  prompt: '1girl, solo',
  negativePrompt: 'worst quality',
  checkpoint: 'simulated-anime-v1.safetensors',
  seed: 1,
  steps: 20,
  cfg: 7,
  sampler: 'euler',
  scheduler: 'normal',
  denoise: 1,
};
const SIZE: Size = { width: 256, height: 256 };
const draw = (change: Partial<SamplingRecipe>, size = SIZE, index = 0, count = 1): Promise<Buffer> =>
  renderFrame({ ...RECIPE, ...change }, size, { index, count });

/** Variance of the Laplacian (kernel 0 1 0, 1 -4 1, 0 1 0) of BT.601 luma: sharpness. */
function sharpness(rgb: Buffer, { width, height }: Size): number {
  const luma = (x: number, y: number): number => {
    const at = 3 * (y * width + x);
    return 0.299 * rgb[at]! + 0.587 * rgb[at + 1]! + 0.114 * rgb[at + 2]!;
  };
  const values: number[] = [];
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      values.push(luma(x - 1, y) + luma(x + 1, y) + luma(x, y - 1) + luma(x, y + 1) - 4 * luma(x, y));
    }
  }
  return deviation(values).variance;
}

/** Hasler and Süsstrunk, "Measuring colourfulness in natural images", 2003. */
function colourfulness(rgb: Buffer): number {
  const redGreen: number[] = [];
  const yellowBlue: number[] = [];
  for (let at = 0; at < rgb.length; at += 3) {
    redGreen.push(rgb[at]! - rgb[at + 1]!);
    yellowBlue.push((rgb[at]! + rgb[at + 1]!) / 2 - rgb[at + 2]!);
  }
  const [a, b] = [deviation(redGreen), deviation(yellowBlue)];
  return Math.sqrt(a.variance + b.variance) + 0.3 * Math.hypot(a.mean, b.mean);
}

function deviation(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

describe('a picture', () => {
  it('has the same bytes for the same recipe', async () => {
    expect((await draw({})).equals(await draw({}))).toBe(true);
  });

  it.each<[string, Partial<SamplingRecipe>]>([
    ['prompt', { prompt: '1girl, solo, smile' }],
    ['negative prompt', { negativePrompt: 'bad hands' }],
    ['seed', { seed: 2 }],
    ['steps', { steps: 21 }],
    ['cfg', { cfg: 7.5 }],
    ['sampler', { sampler: 'heun' }],
    ['scheduler', { scheduler: 'karras' }],
    ['checkpoint', { checkpoint: 'other.safetensors' }],
  ])('changes with the %s', async (_name, change) => {
    expect((await draw(change)).equals(await draw({}))).toBe(false);
  });

  it('fills any size with pixels', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 8, max: 24 }), fc.integer({ min: 8, max: 24 }), async (wide, high) => {
        const size = { width: 8 * wide, height: 8 * high };
        const rgb = await draw({}, size);
        expect(rgb.length).toBe(size.width * size.height * 3);
        expect(new Set(rgb).size).toBeGreaterThan(16);
      }),
      { numRuns: 12 },
    );
  });

  it('honours colour words of the prompt', async () => {
    const middle = async (prompt: string): Promise<readonly number[]> => {
      const hair = { left: 100, top: 22, width: 56, height: 14 };
      const { channels } = await sharp(await draw({ prompt }), { raw: { ...SIZE, channels: 3 } })
        .extract(hair)
        .png()
        .toBuffer()
        .then((png) => sharp(png).stats());
      return channels.map(({ mean }) => mean);
    };
    const [red, , blue] = await middle('1girl, blue hair, day');
    const [red2, , blue2] = await middle('1girl, red hair, day');
    expect(blue! - red!).toBeGreaterThan(30);
    expect(red2! - blue2!).toBeGreaterThan(30);
  });
});

describe('sampling', () => {
  it.each([1, 2, 3, 42, 1234567])('of 20 steps beats one step in sharpness and colour, seed %i', async (seed) => {
    const [one, twenty] = await Promise.all([draw({ seed, steps: 1 }), draw({ seed, steps: 20 })]);
    expect(sharpness(twenty, SIZE)).toBeGreaterThan(4 * sharpness(one, SIZE));
    expect(colourfulness(twenty)).toBeGreaterThan(1.5 * colourfulness(one));
  });

  it('leaves less noise with every step and less with full denoising', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), (steps) => {
        expect(remainingNoise(steps + 1)).toBeLessThan(remainingNoise(steps));
        expect(remainingNoise(steps, 0.5)).toBeGreaterThan(remainingNoise(steps));
      }),
    );
  });

  it('shows a preview of the size ComfyUI sends', async () => {
    const jpeg = await renderPreview(RECIPE, { width: 64, height: 128 }, 3);
    expect(await sharp(jpeg).metadata()).toMatchObject({ format: 'jpeg', width: 256, height: 512 });
  });
});

describe('the frames of an animation', () => {
  it('differ from each other by little, and the loop closes without a jump', async () => {
    const count = 24;
    const frames = await Promise.all(Array.from({ length: count }, (_, index) => draw({}, SIZE, index, count)));
    const distance = (a: number, b: number): number => {
      const [x, y] = [frames[a % count]!, frames[b % count]!];
      return x.reduce((sum, value, at) => sum + Math.abs(value - y[at]!), 0) / x.length;
    };
    const steps = frames.map((_, index) => distance(index, index + 1));
    expect(Math.min(...steps)).toBeGreaterThan(0);
    expect(Math.max(...steps)).toBeLessThan(6);
    expect(steps.at(-1)).toBeLessThan(2 * Math.max(...steps.slice(0, -1)));
  });
});
