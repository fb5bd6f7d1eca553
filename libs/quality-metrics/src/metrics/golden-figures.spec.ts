/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { createScorer, decodePicture, type ClassicalScorer } from '../index.js';
import { measured, readGolden, readGoldenImage, relativeError } from '../testing/pictures.js';

/** Stricter than the references' own tolerance of 1e-6: these are our own sums over integers. */
const OWN_ARITHMETIC = 1e-9;

describe('golden pictures', () => {
  let scorer: ClassicalScorer;
  beforeAll(async () => {
    scorer = await createScorer();
  });
  afterAll(() => scorer.close());

  it('decode to the very bytes that the references measured', async () => {
    const { single } = await readGolden();
    for (const [name, figures] of Object.entries(single)) {
      expect([name, await hashOfFirstFrame(`${name}.png`)]).toEqual([name, figures.sha256_rgb]);
    }
  });

  it('lays transparent pixels on white as the reference does', async () => {
    const { alphaOnWhite } = await readGolden();
    expect(await hashOfFirstFrame(alphaOnWhite.image)).toBe(alphaOnWhite.sha256_rgb);
  });

  it('score as the reference libraries do', async () => {
    const { single } = await readGolden();
    const names = Object.keys(single);
    expect(names).toHaveLength(12);
    for (const name of names) {
      const figures = single[name];
      const scores = await scorer.scorePicture(await readGoldenImage(`${name}.png`));
      expect({ name, width: scores.width, height: scores.height, frames: scores.frames }).toEqual({
        name,
        width: figures?.width,
        height: figures?.height,
        frames: 1,
      });
      for (const id of ['sharpness', 'colourfulness'] as const) {
        const error = relativeError(measured(scores, id).value, figures?.[id] ?? NaN);
        expect({ name, id, close: error <= OWN_ARITHMETIC, error }).toMatchObject({ name, id, close: true });
      }
    }
  });
});

async function hashOfFirstFrame(file: string): Promise<string | undefined> {
  const picture = await decodePicture(await readGoldenImage(file));
  for await (const frame of picture.frames()) return createHash('sha256').update(frame.rgb).digest('hex');
  return undefined;
}
