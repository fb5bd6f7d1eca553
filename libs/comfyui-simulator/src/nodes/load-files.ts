import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { readAudio, readClip } from '../media/clips.js';
import { inverted } from '../picture/float32.js';
import { resized, selected, stillMask } from './batches.js';
import { contentHash, fileOf, mustExist, serverFile } from './input-files.js';
import type { NodeBehaviour } from './node-kind.js';
import { type ImageBatch, type MaskBatch, type NodeInputs, numberInput, stringInput } from './values.js';

/** Nodes that read files of the input folder. All look again at the content before the cache is trusted. */
export const LOAD_FILES: Readonly<Record<string, NodeBehaviour>> = {
  LoadImage: {
    validate: mustExist('image', 'Invalid image file'),
    fingerprint: contentHash('image'),
    async execute(inputs, { directories }) {
      const picture = await readPicture(fileOf(inputs, 'image', directories));
      return { outputs: [picture.images, picture.mask('alpha')] };
    },
  },

  LoadImageMask: {
    validate: mustExist('image', 'Invalid image file'),
    fingerprint: contentHash('image'),
    async execute(inputs, { directories }) {
      const picture = await readPicture(fileOf(inputs, 'image', directories));
      return { outputs: [picture.mask(stringInput(inputs, 'channel'))] };
    },
  },

  LoadVideo: {
    validate: mustExist('file', 'Invalid video file'),
    fingerprint: contentHash('file'),
    async execute(inputs, { directories }) {
      const clip = await readClip(fileOf(inputs, 'file', directories), directories.temp);
      return { outputs: [{ type: 'VIDEO', ...clip }] };
    },
  },

  LoadAudio: {
    validate: mustExist('audio', 'Invalid audio file'),
    fingerprint: contentHash('audio'),
    async execute(inputs, { directories }) {
      return { outputs: [await readAudio(fileOf(inputs, 'audio', directories))] };
    },
  },

  VHS_LoadVideoPath: {
    validate: mustExist('video', 'Invalid file path', serverFile),
    fingerprint: contentHash('video', serverFile),
    async execute(inputs, { directories }) {
      const path = fileOf(inputs, 'video', directories, serverFile);
      const clip = await readClip(path, directories.temp, numberInput(inputs, 'force_rate'));
      const images = chosenFrames(clip.images, inputs);
      const every = numberInput(inputs, 'select_every_nth');
      return {
        outputs: [
          images,
          images.count,
          clip.audio ?? { type: 'AUDIO', sampleRate: 44_100, channels: 1, pcm: Buffer.alloc(0) },
          { type: 'VHS_VIDEOINFO', fps: clip.fps / every, frames: images.count },
        ],
      };
    },
  },
};

function chosenFrames(all: ImageBatch, inputs: NodeInputs): ImageBatch {
  const every = numberInput(inputs, 'select_every_nth');
  const cap = numberInput(inputs, 'frame_load_cap');
  const indexes: number[] = [];
  for (let index = numberInput(inputs, 'skip_first_frames'); index < all.count; index += every) indexes.push(index);
  const images = selected(all, cap > 0 ? indexes.slice(0, cap) : indexes);
  if (images.count === 0) throw new Error('No frames generated');
  const width = numberInput(inputs, 'custom_width');
  const height = numberInput(inputs, 'custom_height');
  if (width === 0 && height === 0) return images;
  return resized(
    images,
    {
      width: width === 0 ? Math.round((images.width * height) / images.height) : width,
      height: height === 0 ? Math.round((images.height * width) / images.width) : height,
    },
    'lanczos3',
    'cover',
  );
}

interface Picture {
  readonly images: ImageBatch;
  /** @param channel `alpha` counts what is transparent; any other one as it stands */
  mask(channel: string): MaskBatch;
}

const CHANNELS: Readonly<Record<string, number>> = { red: 0, green: 1, blue: 2 };

/** All pages of a picture file, the way up its EXIF data says. @throws Error when it is no picture */
async function readPicture(path: string): Promise<Picture> {
  const bytes = await readFile(path);
  const { pages = 1, hasAlpha } = await sharp(bytes).metadata();
  const rgba: Buffer[] = [];
  let size = { width: 0, height: 0 };
  for (let page = 0; page < pages; page += 1) {
    const { data, info } = await sharp(bytes, { page, limitInputPixels: false })
      .autoOrient()
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    size = { width: info.width, height: info.height };
    rgba.push(data);
  }
  const channel = (pixels: Buffer, offset: number): Buffer => {
    const plane = Buffer.alloc(pixels.length / 4);
    for (let at = 0; at < plane.length; at += 1) plane[at] = pixels[at * 4 + offset] ?? 0;
    return plane;
  };
  const frame = (index: number): Promise<Buffer> => Promise.resolve(withoutAlpha(rgba[index] ?? Buffer.alloc(0)));
  return {
    images: { type: 'IMAGE', ...size, count: rgba.length, frame },
    mask(name) {
      const plane = CHANNELS[name];
      // Without an alpha channel ComfyUI gives a small empty mask.
      if (plane === undefined && !hasAlpha) return stillMask(Buffer.alloc(64 * 64), { width: 64, height: 64 });
      const cut = (index: number): Buffer => {
        const pixels = rgba[index] ?? Buffer.alloc(0);
        return plane === undefined ? inverted(channel(pixels, 3)) : channel(pixels, plane);
      };
      return { type: 'MASK', ...size, count: rgba.length, frame: (index) => Promise.resolve(cut(index)) };
    },
  };
}

function withoutAlpha(rgba: Buffer): Buffer {
  const rgb = Buffer.alloc((rgba.length / 4) * 3);
  for (let pixel = 0; pixel < rgba.length / 4; pixel += 1) rgba.copy(rgb, pixel * 3, pixel * 4, pixel * 4 + 3);
  return rgb;
}
