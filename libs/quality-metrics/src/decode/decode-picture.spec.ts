/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';

import { decodePicture } from '../index.js';
import { noise, readGoldenImage, toAnimatedWebp, toPng } from '../testing/pictures.js';

/** RGB bytes of all frames, one after the other. */
async function pixelsOf(bytes: Uint8Array): Promise<number[]> {
  const picture = await decodePicture(bytes);
  const frames: Buffer[] = [];
  for await (const frame of picture.frames()) frames.push(Buffer.from(frame.rgb));
  return Array.from(Buffer.concat(frames));
}

async function failureOf(bytes: Uint8Array): Promise<unknown> {
  try {
    await pixelsOf(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
}

function half(bytes: Uint8Array): Uint8Array {
  return bytes.subarray(0, bytes.length >> 1);
}

function damaged(bytes: Uint8Array): Uint8Array {
  const middle = bytes.length >> 1;
  return bytes.map((byte, i) => (i === middle ? byte ^ 0xff : byte));
}

const jpeg = async () =>
  sharp(await readGoldenImage('face_a.png'))
    .jpeg()
    .toBuffer();
const webp = async () =>
  sharp(await readGoldenImage('face_a.png'))
    .webp()
    .toBuffer();
const undecodable = { name: 'PictureError', code: 'undecodable-image', status: 422, retryable: false };

describe('bytes that are no whole picture', () => {
  it.each([
    ['an empty file', () => Promise.resolve(new Uint8Array())],
    ['half a PNG', async () => half(await readGoldenImage('face_a.png'))],
    ['a PNG cut in its header', async () => (await readGoldenImage('face_a.png')).subarray(0, 30)],
    ['a PNG with damaged pixel data', async () => damaged(await readGoldenImage('face_a.png'))],
    ['half a JPEG', async () => half(await jpeg())],
    ['half a WebP', async () => half(await webp())],
    ['half an animated WebP', async () => half(await toAnimatedWebp([noise(64, 64, 1), noise(64, 64, 2)]))],
    ['a JPEG signature and nothing else', () => Promise.resolve(Uint8Array.of(0xff, 0xd8, 0xff))],
  ])('%s is an undecodable image, not worth a retry', async (_name, bytes) => {
    expect(await failureOf(await bytes())).toMatchObject(undecodable);
  });

  it.each([
    ['text', new TextEncoder().encode('this is no picture at all')],
    ['an SVG', new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>')],
    ['a GIF', new TextEncoder().encode('GIF89a............')],
  ])('%s is refused by its bytes before a decoder sees it', async (_name, bytes) => {
    expect(await failureOf(bytes)).toMatchObject({ code: 'unsupported-image-format', retryable: false });
  });

  it('refuses a picture beyond the limits from its header alone', async () => {
    const wide = await sharp({ create: { width: 40_000, height: 1, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    expect(await failureOf(wide)).toMatchObject({ code: 'image-too-large', retryable: false });
  });
});

describe('decoding', () => {
  it('reads a view into a larger buffer at its own offset', async () => {
    const picture = noise(5, 4, 9);
    const png = await toPng(picture);
    const padded = new Uint8Array(png.length + 20).fill(7);
    padded.set(png, 10);
    expect(await pixelsOf(padded.subarray(10, 10 + png.length))).toEqual([...picture.rgb]);
  });

  it('takes the high byte of 16-bit samples', async () => {
    const samples = Uint16Array.from({ length: 12 }, (_, i) => (i * 5000 + 255) & 0xffff);
    const png = await sharp(samples, { raw: { width: 2, height: 2, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect(await pixelsOf(png)).toEqual([...samples].map((sample) => sample >> 8));
  });

  it('expands grey to three equal channels', async () => {
    const png = await sharp(Buffer.from([0, 80, 160, 255]), { raw: { width: 2, height: 2, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toBuffer();
    expect(await pixelsOf(png)).toEqual([0, 80, 160, 255].flatMap((grey) => [grey, grey, grey]));
  });

  it('keeps the stored values of a picture with a colour profile', async () => {
    const tagged = await sharp(await readGoldenImage('face_a.png'))
      .withIccProfile('p3')
      .png()
      .toBuffer();
    const stored = await sharp(tagged, { ignoreIcc: true }).raw().toBuffer();
    const converted = await sharp(tagged).raw().toBuffer();
    expect(stored.equals(converted)).toBe(false);
    expect(Buffer.from(await pixelsOf(tagged)).equals(stored)).toBe(true);
  });

  it('does not turn a picture by its EXIF orientation', async () => {
    const { rgb } = noise(4, 2, 3);
    const turned = await sharp(Buffer.from(rgb), { raw: { width: 4, height: 2, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .webp({ lossless: true })
      .toBuffer();
    expect(await decodePicture(turned)).toMatchObject({ width: 4, height: 2, pages: 1 });
    expect(await pixelsOf(turned)).toEqual([...rgb]);
  });
});
