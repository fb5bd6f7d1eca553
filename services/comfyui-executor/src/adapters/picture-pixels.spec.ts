import { crc32 } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { hashPixels } from './picture-pixels.js';

const hashed = (png: Buffer) => hashPixels({ mediaType: 'image/png', size: png.length }, async () => png);

/** A PNG of few bytes whose head says how large it is. */
async function pngOf(width: number, height: number): Promise<Buffer> {
  const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

describe('the pixels of a picture', () => {
  it('are not decoded when there are more than 100 million, as they are held in memory', async () => {
    expect(await hashed(await pngOf(10_001, 10_000))).toEqual({ kind: 'not-decoded' });
    expect(await hashed(await pngOf(2_000, 2_000))).toMatchObject({ kind: 'torn' });
    expect(await hashed(await pngOf(4, 4))).toMatchObject({ kind: 'hashed' });
  });
});
