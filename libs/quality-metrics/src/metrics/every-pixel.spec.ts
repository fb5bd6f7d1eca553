/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { createScorer, type ClassicalScorer } from '../index.js';
import { measured, noise, relativeError, toPng } from '../testing/pictures.js';
import { referenceColourfulness, referenceSharpness, type RgbPicture } from '../testing/reference-metrics.js';

const SEED = 20260117;

describe('scores come from every pixel', () => {
  let scorer: ClassicalScorer;
  beforeAll(async () => {
    scorer = await createScorer();
  });
  afterAll(() => scorer.close());

  async function scoreOf(picture: RgbPicture) {
    const scores = await scorer.scorePicture(await toPng(picture));
    return { sharpness: measured(scores, 'sharpness').value, colourfulness: measured(scores, 'colourfulness').value };
  }

  async function expectReference(picture: RgbPicture) {
    const actual = await scoreOf(picture);
    const errors = {
      sharpness: relativeError(actual.sharpness, referenceSharpness(picture)),
      colourfulness: relativeError(actual.colourfulness, referenceColourfulness(picture)),
    };
    expect(Math.max(errors.sharpness, errors.colourfulness)).toBeLessThan(1e-9);
    return actual;
  }

  it('equals the plain definition for any size, before and after pixels are flipped', async () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 40 }));
    const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(side, side, fc.nat(), flips, async (width, height, seed, changes) => {
        const picture = noise(width, height, seed);
        await expectReference(picture);
        const rgb = Uint8Array.from(picture.rgb);
        for (const [at, mask] of changes) rgb[at % rgb.length] = (rgb[at % rgb.length] ?? 0) ^ mask;
        await expectReference({ width, height, rgb });
      }),
      { seed: SEED, numRuns: 150 },
    );
  });

  it.each([
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
    [1, 17],
    [17, 1],
    [2, 9],
    [3, 3],
    [31, 7],
  ])('reflects the border of a %i × %i picture without repeating the edge', async (width, height) => {
    await expectReference(noise(width, height, width * 100 + height));
  });

  it('adds up bands of rows without a seam', async () => {
    // 200 columns make bands of 327 rows: two full ones and a rest; 655 rows leave a rest of one row.
    for (const [width, height] of [
      [200, 700],
      [200, 655],
      [32_768, 3],
    ] as const) {
      await expectReference(noise(width, height, height));
    }
  });

  it('changes both scores when a single colour sample of a single pixel changes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 24 }),
        fc.integer({ min: 2, max: 24 }),
        fc.nat(),
        fc.nat(),
        async (width, height, seed, at) => {
          const before = noise(width, height, seed);
          const rgb = Uint8Array.from(before.rgb);
          // Green, because it moves the luma most: half the range is always more than one grey level.
          const green = (at % (width * height)) * 3 + 1;
          rgb[green] = (rgb[green] ?? 0) ^ 0x80;
          const [one, other] = [await scoreOf(before), await scoreOf({ width, height, rgb })];
          expect(other.sharpness).not.toBe(one.sharpness);
          expect(other.colourfulness).not.toBe(one.colourfulness);
        },
      ),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('does not depend on the number of threads', async () => {
    const png = await toPng(noise(301, 457, 5));
    const parallel = await createScorer({ threads: 2 });
    try {
      expect(await parallel.scorePicture(png)).toEqual(await scorer.scorePicture(png));
    } finally {
      await parallel.close();
    }
  });
});
