import { messageOf } from '@anime/problem-details';
import sharp from 'sharp';

/** Longest side of a thumbnail in pixels. */
export const THUMBNAIL_SIDE = 256;

/** What a picture is, read from its content. */
export interface InspectedPicture {
  readonly width: number;
  readonly height: number;
  /** 1 for a still picture. */
  readonly frames: number;
  /** WebP of the first frame, at most THUMBNAIL_SIDE a side, never larger than the picture. */
  readonly thumbnail: { readonly bytes: Uint8Array; readonly width: number; readonly height: number };
}

const PICTURE_TYPES: ReadonlySet<string> = new Set([
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
]);

// What comes from a server is not trusted: only these decoders may see it, none that follows references (SVG, PDF).
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadPng',
    'VipsForeignLoadJpeg',
    'VipsForeignLoadWebp',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadHeif',
  ],
});
// Files are read once: a cache would only hold memory, and would take a changed file for the old one.
sharp.cache(false);

/**
 * Reads a picture's size and makes its thumbnail.
 * @param file path in the file system
 * @returns undefined for what is no picture of a known type, or cannot be decoded
 * @throws when the machine is at fault (no memory, the file cannot be read): another try may succeed
 */
export async function inspectPicture(file: string, mediaType: string): Promise<InspectedPicture | undefined> {
  if (!PICTURE_TYPES.has(mediaType)) return undefined;
  try {
    const { width, height, pages } = await sharp(file).metadata();
    const { data, info } = await sharp(file, { failOn: 'warning' })
      .autoOrient()
      .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 80 })
      .toBuffer({ resolveWithObject: true });
    return { width, height, frames: pages ?? 1, thumbnail: { bytes: data, width: info.width, height: info.height } };
  } catch (error) {
    const reason = messageOf(error);
    if (/out of memory|unable to allocate|input file is missing|unable to open/i.test(reason)) throw error;
    return undefined;
  }
}
