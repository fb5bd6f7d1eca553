import sharp from 'sharp';
import { pythonJson, pythonStr } from '../python-json.js';
import type { NodeBehaviour } from './node-kind.js';
import { saveImages, savePreviews } from './save-images.js';
import { anyInput, linkedInput, stringInput, type Value } from './values.js';

/** Output nodes for pictures and texts. */
export const OUTPUTS: Readonly<Record<string, NodeBehaviour>> = {
  /** Writes one PNG per picture below the output folder. */
  SaveImage: {
    async execute(inputs, context) {
      const images = linkedInput(inputs, 'images', 'IMAGE');
      const saved = await saveImages(images, 'output', stringInput(inputs, 'filename_prefix'), context);
      return { outputs: [images], ui: { images: saved } };
    },
  },

  /** Writes PNGs below the temp folder, under a name that is new each time. */
  PreviewImage: {
    async execute(inputs, context) {
      const images = linkedInput(inputs, 'images', 'IMAGE');
      return { outputs: [images], ui: { images: await savePreviews(images, context) } };
    },
  },

  /** Sends lossless PNGs as if they were previews and keeps nothing, so it runs each time. */
  SaveImageWebsocket: {
    fingerprint: () => Number.NaN,
    async execute(inputs, context) {
      const images = linkedInput(inputs, 'images', 'IMAGE');
      const raw = { width: images.width, height: images.height, channels: 3 } as const;
      for (let index = 0; index < images.count; index += 1) {
        const bytes = await sharp(await images.frame(index), { limitInputPixels: false, raw })
          .png()
          .toBuffer();
        await context.progress(index, images.count, { format: 'png', bytes });
      }
      return { outputs: [] };
    },
  },

  /** Shows any value as text. */
  PreviewAny: {
    execute(inputs) {
      const text = shown(anyInput(inputs, 'source'));
      return { outputs: [text], ui: { text: [text] } };
    },
  },
};

function shown(value: Value): string {
  if (typeof value !== 'object') return pythonStr(value);
  // Of a picture or a model the real node prints a tensor or an object's address.
  const { type, ...rest } = value;
  const sizes = Object.entries(rest).filter(([, member]) => typeof member === 'number' || typeof member === 'string');
  return pythonJson({ simulated: type, ...Object.fromEntries(sizes) });
}
