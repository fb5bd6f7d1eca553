import { createHash } from 'node:crypto';
import { messageOf } from '@anime/problem-details';
import sharp from 'sharp';
import { mediaTypeOf } from '../domain/attempt/media-type.js';

/** Frames of an animation that are decoded at once, in bytes: libwebp decodes forwards from the first frame only. */
const BATCH_BYTES = 64 * 1024 * 1024;

/** What the formats are called that are decoded here. */
const DECODED: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
  'image/tiff',
]);
/** An encoded picture is held in memory whole, and so is a decoded one, in 4 bytes a pixel; `ExecutedOutput.pixelSha256` names the bound. */
const LARGEST_BYTES = 512 * 1024 * 1024;
const MOST_PIXELS = 100_000_000;

// Each picture is read once: a cache would only hold memory.
sharp.cache(false);

export type PixelsHashed =
  | { readonly kind: 'hashed'; readonly sha256: string }
  /** Not a format, or not a size, that is decoded here. */
  | { readonly kind: 'not-decoded' }
  /** It is cut off or damaged. */
  | { readonly kind: 'torn'; readonly reason: string };

/**
 * SHA-256 of the decoded pixels, as `ExecutedOutput.pixelSha256` defines it: sRGB, 8 bits a channel, transparency kept. Two
 * encodings of one picture have the same. An animation is decoded some frames at a time.
 * @param load gives the whole file
 */
export async function hashPixels(
  file: { readonly mediaType: string; readonly size: number },
  load: () => Promise<Uint8Array>,
): Promise<PixelsHashed> {
  if (!DECODED.has(file.mediaType) || file.size > LARGEST_BYTES) return { kind: 'not-decoded' };
  const input = await load();
  try {
    const { width, height, pages = 1 } = await sharp(input, { limitInputPixels: false }).metadata();
    if (width * height > MOST_PIXELS) return { kind: 'not-decoded' };
    const sha256 = await pixelSha256(input, { width, height, pages });
    return isAnimatedPng(input) ? { kind: 'not-decoded' } : { kind: 'hashed', sha256 };
  } catch (error) {
    const reason = messageOf(error).split('\n', 1)[0] ?? '';
    // Want of memory is this machine's fault, not the picture's.
    if (/out of memory|unable to allocate/i.test(reason)) return { kind: 'not-decoded' };
    return { kind: 'torn', reason };
  }
}

/** Only its first frame is decoded here. Its `acTL` stands before the first `IDAT` (PNG 3rd edition, 11.3.6). */
function isAnimatedPng(input: Uint8Array): boolean {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
  const pixels = bytes.indexOf('IDAT');
  return mediaTypeOf(input) === 'image/png' && bytes.subarray(0, Math.max(pixels, 0)).includes('acTL');
}

async function pixelSha256(
  input: Uint8Array,
  { width, height, pages }: { readonly width: number; readonly height: number; readonly pages: number },
): Promise<string> {
  const batch = Math.max(1, Math.floor(BATCH_BYTES / (width * height * 4)));
  const hash = createHash('sha256');
  for (let page = 0; page < pages; page += batch) {
    const { data, info } = await sharp(input, {
      ...(pages === 1 ? {} : { page, pages: Math.min(batch, pages - page) }),
      // The grey lower half of a cut JPEG is no picture.
      failOn: 'warning',
      limitInputPixels: false,
    })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (page === 0) hash.update(`${width}x${height}x${info.channels}x${pages}\n`);
    hash.update(data);
  }
  return hash.digest('hex');
}
