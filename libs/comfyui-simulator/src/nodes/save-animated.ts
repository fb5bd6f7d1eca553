import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { encodeApng } from '../media/clips.js';
import { appendPngChunks, insertPngText } from '../png-text.js';
import { pythonJson } from '../python-json.js';
import { nextCounter, resolveSavePath } from '../save-path.js';
import { SOFTWARE } from '../software.js';
import type { NodeBehaviour, NodeContext, NodeResult } from './node-kind.js';
import { graphTexts } from './save-images.js';
import { booleanInput, type ImageBatch, linkedInput, type NodeInputs, numberInput, stringInput } from './values.js';

/** Writes the batch as one animated file. */
export const SAVE_ANIMATED: Readonly<Record<string, NodeBehaviour>> = {
  SaveAnimatedWEBP: {
    execute(inputs, context) {
      const images = linkedInput(inputs, 'images', 'IMAGE');
      const method = stringInput(inputs, 'method');
      const settings = {
        fps: numberInput(inputs, 'fps'),
        lossless: booleanInput(inputs, 'lossless'),
        quality: numberInput(inputs, 'quality'),
        effort: EFFORT[method === 'fastest' || method === 'slowest' ? method : 'default'],
      };
      return saveAnimation(inputs, context, 'webp', () => encodeAnimatedWebp(images, settings, context));
    },
  },

  SaveAnimatedPNG: {
    execute(inputs, context) {
      const images = linkedInput(inputs, 'images', 'IMAGE');
      return saveAnimation(inputs, context, 'png', async () => {
        const level = numberInput(inputs, 'compress_level');
        const png = await encodeApng(images, numberInput(inputs, 'fps'), level, () =>
          Promise.resolve(context.throwIfInterrupted()),
        );
        return appendPngChunks(insertPngText(png, { Software: SOFTWARE }), 'comf', graphTexts(context));
      });
    },
  },
};

async function saveAnimation(
  inputs: NodeInputs,
  { directories }: NodeContext,
  extension: string,
  encode: () => Promise<Buffer>,
): Promise<NodeResult> {
  const images = linkedInput(inputs, 'images', 'IMAGE');
  const target = await resolveSavePath(directories.output, stringInput(inputs, 'filename_prefix'), images);
  const filename = `${target.filename}_${nextCounter(target)}_.${extension}`;
  await writeFile(join(target.folder, filename), await encode());
  const saved = { filename, subfolder: target.subfolder, type: 'output' };
  return { outputs: [images], ui: { images: [saved], animated: [true] } };
}

const EFFORT = { default: 4, fastest: 0, slowest: 6 } as const;

interface WebpSettings {
  readonly fps: number;
  readonly lossless: boolean;
  readonly quality: number;
  readonly effort: number;
}

export async function encodeAnimatedWebp(
  images: ImageBatch,
  { fps, lossless, quality, effort }: WebpSettings,
  context: NodeContext,
): Promise<Buffer> {
  const frames: Buffer[] = [];
  for (let index = 0; index < images.count; index += 1) {
    frames.push(await images.frame(index));
    context.throwIfInterrupted();
  }
  const strip = sharp(Buffer.concat(frames), {
    limitInputPixels: false,
    raw: { width: images.width, height: images.height * images.count, channels: 3, pageHeight: images.height },
  });
  return strip
    .withExif({ IFD0: exifTexts(context) })
    .webp({
      lossless,
      quality: Math.max(1, quality),
      effort,
      // Whole milliseconds, as Pillow is told. One for each frame: a single number would stand for the first alone.
      delay: frames.map(() => Math.trunc(1000 / fps)),
      loop: 0,
    })
    .toBuffer();
}

/**
 * ComfyUI's convention for WebP: the tag Model (0x0110) holds `prompt:<json>`, and each key of extra_pnginfo takes the
 * next tag downwards from Make (0x010f) as `<key>:<json>`. Below ImageDescription (0x010e) no text tag is left, so
 * further keys are dropped here.
 */
function exifTexts(context: NodeContext): Record<string, string> {
  const texts: Record<string, string> = { Model: `prompt:${pythonJson(context.graph)}`, Software: SOFTWARE };
  const tags = ['Make', 'ImageDescription'];
  for (const [key, value] of Object.entries(context.extraPnginfo)) {
    const tag = tags.shift();
    if (tag === undefined) break;
    texts[tag] = `${key}:${pythonJson(value)}`;
  }
  return texts;
}
