import sharp from 'sharp';

import { layOnWhite } from './alpha-on-white.js';
import { PictureError } from './picture-error.js';
import { sniffPictureFormat, type PictureFormat } from './picture-format.js';

/** Longest side of a picture in pixels. One row must fit the memory that a band of rows may take. */
export const MAX_SIDE = 32_768;

/** Most pixels of one frame: 8192 × 8192, 192 MiB as RGB. */
export const MAX_PIXELS = 8_192 * 8_192;

/**
 * Bytes of decoded frames that are held at once for an animation (never less than one frame). libwebp can only decode
 * forwards from the first frame, so every request starts there: one frame at a time would cost the square of the
 * frame count, all at once the whole animation in memory.
 */
const FRAME_BATCH_BYTES = 32 * 1024 * 1024;

/** One decoded frame: `rgb` holds height × width × 3 bytes, rows from the top, sRGB values as stored in the file. */
export interface Frame {
  /** Place in the animation, from 0. */
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

export interface DecodedPicture {
  readonly format: PictureFormat;
  /** Pixels, as stored: an EXIF orientation is not applied. */
  readonly width: number;
  readonly height: number;
  /** Number of frames; 1 for a still picture. */
  readonly pages: number;
  /**
   * Decodes frame by frame in bounded memory. A frame's `rgb` is valid until the next one is asked for.
   * @throws {PictureError} `undecodable-image` when the pixel data is cut short or damaged.
   */
  frames(): AsyncGenerator<Frame, void, undefined>;
}

/**
 * Reads the header of a PNG, JPEG or WebP file (still or animated) and gives its frames as 8-bit RGB.
 *
 * - The values are those of the file: no resizing, no grey conversion, no colour management (an embedded ICC profile is
 *   ignored, as the reference libraries of the metrics do), no rotation. Grey and palette pictures are expanded to RGB.
 * - Alpha: laid on white, by Pillow's rounding (see {@link layOnWhite}).
 * - 16 bits per channel: the high byte is taken (v >> 8). CMYK JPEG: converted to sRGB by libvips.
 * - Animated PNG: its default image only. Frames of an animated WebP come composed to full size, blending and disposal applied.
 *
 * @throws {PictureError} `undecodable-image`, `unsupported-image-format` or `image-too-large`; none is worth a retry.
 */
export async function decodePicture(bytes: Uint8Array): Promise<DecodedPicture> {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (input.length === 0) throw new PictureError('undecodable-image', 'The picture is empty.');
  const format = sniffPictureFormat(bytes);
  if (format === undefined) {
    throw new PictureError('unsupported-image-format', 'The picture is none of PNG, JPEG and WebP.');
  }
  const { width, height, pages } = await readHeader(input, format);
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    throw new PictureError(
      'image-too-large',
      `The picture has ${width} × ${height} pixels; at most ${MAX_SIDE} a side and ${MAX_PIXELS} in all are scored.`,
    );
  }
  return { format, width, height, pages, frames: () => decodeFrames(input, format, width, height, pages) };
}

async function readHeader(input: Buffer, format: PictureFormat) {
  try {
    // The limit is ours to apply, so that its error has its own code.
    const { width, height, pages } = await sharp(input, { limitInputPixels: false }).metadata();
    return { width, height, pages: format === 'webp' ? (pages ?? 1) : 1 };
  } catch (error) {
    throw asPictureError(error, format);
  }
}

async function* decodeFrames(
  input: Buffer,
  format: PictureFormat,
  width: number,
  height: number,
  pages: number,
): AsyncGenerator<Frame, void, undefined> {
  const batch = Math.max(1, Math.floor(FRAME_BATCH_BYTES / (width * height * 4)));
  for (let first = 0; first < pages; first += batch) {
    const count = Math.min(batch, pages - first);
    const stacked = await decodeStacked(input, format, pages === 1 ? {} : { page: first, pages: count });
    const size = width * height * 3;
    if (stacked.length !== size * count) {
      throw new PictureError('undecodable-image', `The ${format} picture's frames do not have the size of its header.`);
    }
    for (let i = 0; i < count; i += 1) {
      yield { index: first + i, width, height, rgb: stacked.subarray(i * size, (i + 1) * size) };
    }
  }
}

/** The asked pages one below the other, as RGB bytes. */
async function decodeStacked(
  input: Buffer,
  format: PictureFormat,
  pages: { readonly page?: number; readonly pages?: number },
): Promise<Uint8Array> {
  try {
    const { data, info } = await sharp(input, {
      ...pages,
      // A grey lower half of a cut JPEG must not be scored as if it were drawn so.
      failOn: 'warning',
      ignoreIcc: true,
      limitInputPixels: false,
    })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels === 4) return layOnWhite(data);
    if (info.channels === 3) return data;
    throw new PictureError('undecodable-image', `The ${format} picture has ${info.channels} channels after decoding.`);
  } catch (error) {
    throw asPictureError(error, format);
  }
}

function asPictureError(error: unknown, format: PictureFormat): unknown {
  if (error instanceof PictureError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  // Want of memory is the machine's fault, not the picture's; another try may succeed.
  if (/out of memory|unable to allocate/i.test(reason)) return error;
  const firstLine = reason.split('\n', 1)[0] ?? '';
  return new PictureError('undecodable-image', `The ${format} picture cannot be decoded: ${firstLine}`, {
    cause: error,
  });
}
