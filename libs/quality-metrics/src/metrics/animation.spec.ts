/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';

import { createScorer, type ClassicalScorer } from '../index.js';
import { measured, noise, toAnimatedWebp, toPng } from '../testing/pictures.js';

describe('an animated WebP', () => {
  let scorer: ClassicalScorer;
  beforeAll(async () => {
    scorer = await createScorer();
  });
  afterAll(() => scorer.close());

  const flat = { width: 40, height: 30, rgb: new Uint8Array(40 * 30 * 3).fill(90) };

  it('scores as the mean of its frames and says which frames are the extremes', async () => {
    const frames = [noise(40, 30, 1), flat, noise(40, 30, 2)];
    const scores = await scorer.scorePicture(await toAnimatedWebp(frames));
    expect({ ...scores, metrics: [] }).toMatchObject({ format: 'webp', width: 40, height: 30, frames: 3 });

    const stills = await Promise.all(frames.map(async (frame) => scorer.scorePicture(await toPng(frame))));
    for (const id of ['sharpness', 'colourfulness'] as const) {
      const values = stills.map((still) => measured(still, id).value);
      const metric = measured(scores, id);
      expect(metric.value).toBeCloseTo(values.reduce((sum, value) => sum + value, 0) / 3, 9);
      expect(metric.evidence).toEqual({
        frames: 3,
        min: 0,
        minFrame: 1,
        max: Math.max(...values),
        maxFrame: values.indexOf(Math.max(...values)),
      });
    }
  });

  it('gives every frame once, in order, when it is decoded in several batches', async () => {
    // 1024 × 1024 RGBA is 4 MiB a frame, so a batch holds 8: ten frames take two.
    const greys = Array.from({ length: 10 }, (_, i) => ({
      width: 1024,
      height: 1024,
      rgb: new Uint8Array(1024 * 1024 * 3).map((_value, at) => (at % 3 === 0 ? 20 * i : 0)),
    }));
    const scores = await scorer.scorePicture(await toAnimatedWebp(greys));
    // Red level 20·i everywhere: no deviation, means rg = 20·i and yb = 10·i.
    const expected = greys.map((_, i) => 0.3 * Math.hypot(20 * i, 10 * i));
    const { value, evidence } = measured(scores, 'colourfulness');
    expect(value).toBeCloseTo(expected.reduce((sum, one) => sum + one, 0) / 10, 9);
    expect(evidence).toMatchObject({ frames: 10, min: 0, minFrame: 0, maxFrame: 9 });
  });

  it('scores a still WebP as one frame without evidence of a spread', async () => {
    const webp = await sharp(await toPng(noise(16, 16, 3)))
      .webp({ lossless: true })
      .toBuffer();
    const scores = await scorer.scorePicture(webp);
    expect(scores.frames).toBe(1);
    expect(measured(scores, 'sharpness').evidence).toBeUndefined();
  });
});
