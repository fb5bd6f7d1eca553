import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp from 'sharp';
import { readPictureHead } from './picture-head.js';

const side = fc.integer({ min: 1, max: 300 });
const format = fc.constantFrom('png', 'jpeg', 'progressive', 'webp', 'lossless', 'alpha' as const);

/** A picture as an encoder of its own makes it. */
function encoded(kind: string, width: number, height: number, metadata: string): Promise<Buffer> {
  const channels = kind === 'alpha' ? 4 : 3;
  const background = { r: 200, g: 40, b: 90, alpha: 0.5 };
  const picture = sharp({ create: { width, height, channels, background } });
  if (metadata !== '') picture.withExif({ IFD0: { Copyright: metadata } });
  if (kind === 'png') return picture.png().toBuffer();
  if (kind === 'webp' || kind === 'lossless' || kind === 'alpha')
    return picture.webp({ lossless: kind === 'lossless' }).toBuffer();
  return picture.jpeg({ progressive: kind === 'progressive' }).toBuffer();
}

describe('the head of a picture', () => {
  it('says what it is and how large, as its encoder made it, and no part of it says anything else', async () => {
    await fc.assert(
      fc.asyncProperty(
        format,
        side,
        side,
        fc.constantFrom('', 'x', 'x'.repeat(40_000)),
        async (kind, width, height, exif) => {
          const bytes = await encoded(kind, width, height, exif);
          const type = kind === 'png' ? 'png' : kind === 'jpeg' || kind === 'progressive' ? 'jpeg' : 'webp';
          const head = { mediaType: `image/${type}`, width, height };
          expect(readPictureHead(bytes)).toEqual(head);
          for (let end = 0; end < bytes.length; end += Math.max(1, Math.floor(bytes.length / 50)))
            expect(['more', head]).toContainEqual(readPictureHead(bytes.subarray(0, end)));
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  it('is not found in anything else', () => {
    for (const text of [
      'GIF89a..........................',
      '<svg xmlns="…">',
      '%PDF-1.7',
      '\u0000'.repeat(64),
      'RIFF....WAVE',
    ])
      expect(readPictureHead(Buffer.from(text, 'latin1'))).toBe('no-picture');
  });

  it('of a JPEG stands behind whatever its writer put before it: tables, comments, fill bytes', () => {
    const table = [0xff, 0xc4, 0, 6, 1, 2, 3, 4];
    const comment = [0xff, 0xff, 0xfe, 0, 4, 0xff, 0xd9];
    const frame = [0xff, 0xc2, 0, 11, 8, 0, 200, 1, 44, 1, 1, 0x11, 0];
    const bytes = Uint8Array.from([0xff, 0xd8, ...table, ...comment, ...frame]);
    expect(readPictureHead(bytes)).toEqual({ mediaType: 'image/jpeg', width: 300, height: 200 });
  });

  it('is not taken from a picture without size, or a JPEG whose data begin before any frame', () => {
    const png = Buffer.alloc(24);
    png.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    png.write('IHDR', 12, 'latin1');
    expect(readPictureHead(png)).toBe('no-picture');
    expect(readPictureHead(Buffer.from([0xff, 0xd8, 0xff, 0xda, 0, 4, 1, 2, 3, 4, 5, 6]))).toBe('no-picture');
  });

  it('is read from any bytes without a throw', () => {
    const starts = fc.constantFrom(
      [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
      [0xff, 0xd8, 0xff],
      [...Buffer.from('RIFF0000WEBP')],
    );
    fc.assert(
      fc.property(starts, fc.uint8Array({ maxLength: 200 }), (start, rest) => {
        const reading = readPictureHead(Uint8Array.from([...start, ...rest]));
        if (typeof reading === 'object') expect(Math.min(reading.width, reading.height)).toBeGreaterThan(0);
      }),
    );
  });
});
