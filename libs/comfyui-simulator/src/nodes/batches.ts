import { type Fit, type Kernel, resize } from '../picture/raster.js';
import type { Size } from '../picture/recipe.js';
import type { ImageBatch, MaskBatch } from './values.js';

/** A batch whose pictures are those of another, changed one by one. The size stays unless given. */
export function mapped(
  images: ImageBatch,
  change: (pixels: Buffer, index: number) => Promise<Buffer> | Buffer,
  size: Size = images,
): ImageBatch {
  const { width, height } = size;
  return { ...images, width, height, frame: async (index) => change(await images.frame(index), index) };
}

export function resized(images: ImageBatch, to: Size, kernel: Kernel = 'lanczos3', fit: Fit = 'fill'): ImageBatch {
  if (to.width === images.width && to.height === images.height) return images;
  return mapped(images, (pixels) => resize(pixels, images, to, kernel, fit), to);
}

/** The pictures at these places of a batch, in this order. */
export function selected(images: ImageBatch, indexes: readonly number[]): ImageBatch {
  return { ...images, count: indexes.length, frame: (index) => images.frame(indexes[index] ?? 0) };
}

/** One picture that lies in memory. */
export function still(pixels: Buffer, { width, height }: Size): ImageBatch {
  return { type: 'IMAGE', width, height, count: 1, frame: () => Promise.resolve(pixels) };
}

export function stillMask(pixels: Buffer, { width, height }: Size): MaskBatch {
  return { type: 'MASK', width, height, count: 1, frame: () => Promise.resolve(pixels) };
}

/** Remembers the pictures it has drawn last, for nodes that look at neighbours and for costly ones. */
export function remembering(images: ImageBatch, keep = 3): ImageBatch {
  const known = new Map<number, Promise<Buffer>>();
  const frame = (index: number): Promise<Buffer> => {
    const drawn = known.get(index) ?? images.frame(index);
    known.set(index, drawn);
    const [oldest] = known.keys();
    if (known.size > keep && oldest !== undefined) known.delete(oldest);
    return drawn;
  };
  return { ...images, frame };
}
