import { readFile } from 'node:fs/promises';
import sharp from 'sharp';

import type { MeasuredMetric, MetricId, PictureScores } from '../index.js';
import type { RgbPicture } from './reference-metrics.js';

export interface Golden {
  readonly references: Readonly<Record<MetricId, { readonly tolerance: string }>>;
  readonly alphaOnWhite: { readonly image: string; readonly sha256_rgb: string };
  readonly single: Readonly<
    Record<
      string,
      {
        readonly width: number;
        readonly height: number;
        readonly sha256_rgb: string;
        readonly sharpness: number;
        readonly colourfulness: number;
      }
    >
  >;
}

const GOLDEN = new URL('../../golden/', import.meta.url);

export async function readGolden(): Promise<Golden> {
  return JSON.parse(await readFile(new URL('classical.golden.json', GOLDEN), 'utf8')) as Golden;
}

export function readGoldenImage(file: string): Promise<Uint8Array> {
  return readFile(new URL(`images/${file}`, GOLDEN));
}

/** A lossless file of exactly these pixels. */
export function toPng({ rgb, width, height }: RgbPicture): Promise<Uint8Array> {
  return sharp(Buffer.from(rgb), { raw: { width, height, channels: 3 } })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** A lossless animated WebP of these frames, all of one size. */
export async function toAnimatedWebp(frames: readonly RgbPicture[]): Promise<Uint8Array> {
  const stills = await Promise.all(frames.map(async (frame) => Buffer.from(await toPng(frame))));
  return sharp(stills, { join: { animated: true } })
    .webp({ lossless: true, loop: 0 })
    .toBuffer();
}

/** Pixels from a small linear congruential generator: the same for the same seed, on every machine. */
export function noise(width: number, height: number, seed: number): RgbPicture {
  let state = seed >>> 0;
  const rgb = new Uint8Array(width * height * 3).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  return { width, height, rgb };
}

export function measured(scores: PictureScores, id: MetricId): MeasuredMetric {
  const score = scores.metrics.find((metric) => metric.id === id);
  if (score?.status !== 'measured') throw new Error(`${id} was not measured`);
  return score;
}

export function relativeError(actual: number, expected: number): number {
  return actual === expected ? 0 : Math.abs(actual - expected) / Math.max(Math.abs(actual), Math.abs(expected));
}
