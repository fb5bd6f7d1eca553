/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { describe, expect, it } from '@jest/globals';

import { createScorer, METRIC_CATALOGUE, unavailableMetrics } from '../index.js';
import { measured, noise, toPng } from '../testing/pictures.js';

describe('the scorer', () => {
  it('gives each of many pictures scored at once the scores it gets alone', async () => {
    await using scorer = await createScorer();
    const files = await Promise.all(Array.from({ length: 8 }, (_, i) => toPng(noise(90 + i, 800 - i, i))));
    const together = await Promise.all(files.map((file) => scorer.scorePicture(file)));
    for (const [i, file] of files.entries()) expect(together[i]).toEqual(await scorer.scorePicture(file));
    expect(new Set(together.map((scores) => measured(scores, 'sharpness').value)).size).toBe(8);
  });

  it('lists one measured score per metric of the catalogue, with its unit, method and version', async () => {
    await using scorer = await createScorer();
    const { metrics } = await scorer.scorePicture(await toPng(noise(8, 8, 1)));
    expect(metrics.map((metric) => ({ ...metric, value: undefined }))).toEqual(
      METRIC_CATALOGUE.map(({ id, version, unit, method }) => ({ id, version, status: 'measured', unit, method })),
    );
  });

  it('keeps scoring after a picture that cannot be decoded', async () => {
    await using scorer = await createScorer();
    const png = await toPng(noise(64, 64, 1));
    await expect(scorer.scorePicture(png.subarray(0, png.length >> 1))).rejects.toMatchObject({
      code: 'undecodable-image',
    });
    expect((await scorer.scorePicture(png)).frames).toBe(1);
  });

  it('finishes what is under way when it is closed, and refuses what comes after', async () => {
    const scorer = await createScorer();
    const png = await toPng(noise(300, 900, 1));
    const underWay = scorer.scorePicture(png);
    const closed = scorer.close();
    await expect(scorer.scorePicture(png)).rejects.toMatchObject({ code: 'scorer-closed', retryable: true });
    expect((await underWay).height).toBe(900);
    await closed;
    await scorer.close();
  });

  it('refuses a number of threads that is none', async () => {
    await expect(createScorer({ threads: 0 })).rejects.toThrow('threads must be a whole number from 1: 0');
  });

  it('reaches the upper end of the range that the catalogue gives for sharpness', async () => {
    await using scorer = await createScorer();
    const rgb = new Uint8Array(16 * 16 * 3).map((_, i) => (((i / 3) & 1) ^ (((i / 3) >> 4) & 1) ? 255 : 0));
    const scores = await scorer.scorePicture(await toPng({ width: 16, height: 16, rgb }));
    expect(measured(scores, 'sharpness').value).toBe(METRIC_CATALOGUE[0].range.max);
  });

  it('says of every metric why it is unavailable and what would help', () => {
    expect(unavailableMetrics('the file is cut short', 'render it again')).toEqual(
      METRIC_CATALOGUE.map(({ id, version }) => ({
        id,
        version,
        status: 'unavailable',
        reason: 'the file is cut short',
        remedy: 'render it again',
      })),
    );
  });
});
