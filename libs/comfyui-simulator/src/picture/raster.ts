import sharp, { type Sharp } from 'sharp';
import type { Size } from './recipe.js';

/** Pixel work on raw interleaved 8 bit pictures: RGB where nothing else is said. */

export type Channels = 1 | 3;
export type Kernel = 'nearest' | 'linear' | 'cubic' | 'lanczos3';
/** `fill` stretches, `cover` cuts off what stands out in the middle, `top` cuts at the lower edge. */
export type Fit = 'fill' | 'cover' | 'top';

function open(pixels: Buffer, { width, height }: Size, channels: Channels = 3): Sharp {
  return sharp(pixels, { limitInputPixels: false, raw: { width, height, channels } });
}

function rgb(picture: Sharp): Promise<Buffer> {
  return picture.removeAlpha().toColourspace('srgb').raw().toBuffer();
}

export async function resize(pixels: Buffer, from: Size, to: Size, kernel: Kernel, fit: Fit = 'fill'): Promise<Buffer> {
  if (from.width === to.width && from.height === to.height) return pixels;
  return rgb(
    open(pixels, from).resize(to.width, to.height, {
      fit: fit === 'fill' ? 'fill' : 'cover',
      position: fit === 'top' ? 'top' : 'centre',
      kernel,
    }),
  );
}

export async function resizeMask(pixels: Buffer, from: Size, to: Size): Promise<Buffer> {
  if (from.width === to.width && from.height === to.height) return pixels;
  return open(pixels, from, 1)
    .resize(to.width, to.height, { fit: 'fill', kernel: 'linear' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
}

export async function blur(pixels: Buffer, size: Size, sigma: number): Promise<Buffer> {
  return rgb(open(pixels, size).blur(Math.max(0.3, sigma)));
}

/** The picture after lossy compression. @param quality 1 to 100 */
export async function compressed(pixels: Buffer, size: Size, quality: number): Promise<Buffer> {
  return rgb(sharp(await open(pixels, size).jpeg({ quality }).toBuffer()));
}

export async function crop(
  pixels: Buffer,
  size: Size,
  area: { readonly left: number; readonly top: number } & Size,
): Promise<Buffer> {
  if (area.width === size.width && area.height === size.height) return pixels;
  return rgb(open(pixels, size).extract(area));
}

/** White edges on black, as line detectors give them. */
export async function edges(pixels: Buffer, size: Size): Promise<Buffer> {
  const grey = await open(pixels, size).greyscale().blur(0.8).toColourspace('b-w').raw().toBuffer();
  const lines = Buffer.alloc(size.width * size.height * 3);
  for (let y = 1; y < size.height; y += 1) {
    for (let x = 1; x < size.width; x += 1) {
      const at = y * size.width + x;
      const here = grey[at] ?? 0;
      const slope = Math.abs(here - (grey[at - 1] ?? 0)) + Math.abs(here - (grey[at - size.width] ?? 0));
      const light = Math.min(255, slope * 6);
      lines[at * 3] = light;
      lines[at * 3 + 1] = light;
      lines[at * 3 + 2] = light;
    }
  }
  return lines;
}

/** A mask as a grey picture. */
export function maskToRgb(mask: Buffer): Buffer {
  const pixels = Buffer.alloc(mask.length * 3);
  for (let at = 0; at < pixels.length; at += 1) pixels[at] = mask[Math.floor(at / 3)] ?? 0;
  return pixels;
}

/**
 * Every white place grows (or, below zero, shrinks) by so many pixels, each side for itself.
 * Source: greyscale dilation and erosion with a square, done one axis after the other.
 */
export function grown(mask: Buffer, { width, height }: Size, by: number): Buffer {
  const radius = Math.abs(by);
  const pick = by >= 0 ? Math.max : Math.min;
  const pass = (from: Buffer, length: number, stride: number, lines: number, lineStride: number): Buffer => {
    const to = Buffer.alloc(from.length);
    for (let line = 0; line < lines; line += 1) {
      for (let index = 0; index < length; index += 1) {
        let best = by >= 0 ? 0 : 255;
        for (let near = Math.max(0, index - radius); near <= Math.min(length - 1, index + radius); near += 1) {
          best = pick(best, from[line * lineStride + near * stride] ?? 0);
        }
        to[line * lineStride + index * stride] = best;
      }
    }
    return to;
  };
  return pass(pass(mask, width, 1, height, width), height, width, width, 1);
}

/** Puts a patch into a copy of the picture. */
export function pasted(
  pixels: Buffer,
  size: Size,
  patch: Buffer,
  area: { readonly left: number; readonly top: number } & Size,
): Buffer {
  const result = Buffer.from(pixels);
  for (let y = 0; y < area.height; y += 1) {
    patch.copy(result, ((area.top + y) * size.width + area.left) * 3, y * area.width * 3, (y + 1) * area.width * 3);
  }
  return result;
}
