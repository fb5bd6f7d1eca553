import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { insertPngText } from '../png-text.js';
import { pythonJson } from '../python-json.js';
import { nextCounter, resolveSavePath } from '../save-path.js';
import { SOFTWARE } from '../software.js';
import type { NodeContext } from './node-kind.js';
import type { ImageBatch } from './values.js';

/** A file as `executed` and history report it. */
export interface SavedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: 'output' | 'temp';
}

/** ComfyUI saves pictures at 4 and previews at 1. */
const COMPRESSION_LEVEL = { output: 4, temp: 1 } as const;

/** Writes every picture of the batch as `<prefix>_<counter>_.png` with the graph in its text chunks. */
export async function saveImages(
  images: ImageBatch,
  type: SavedFile['type'],
  prefix: string,
  context: NodeContext,
): Promise<SavedFile[]> {
  const target = await resolveSavePath(context.directories[type], prefix, images);
  const saved: SavedFile[] = [];
  for (let index = 0; index < images.count; index += 1) {
    const png = await sharp(await images.frame(index), {
      limitInputPixels: false,
      raw: { width: images.width, height: images.height, channels: 3 },
    })
      .png({ compressionLevel: COMPRESSION_LEVEL[type] })
      .toBuffer();
    const stem = target.filename.replaceAll('%batch_num%', String(index));
    const filename = `${stem}_${nextCounter(target, index)}_.png`;
    await writeFile(join(target.folder, filename), insertPngText(png, pngTexts(context)));
    saved.push({ filename, subfolder: target.subfolder, type });
    context.throwIfInterrupted();
  }
  return saved;
}

/** Previews go below the temp folder under a name that is new each time. */
export function savePreviews(images: ImageBatch, context: NodeContext): Promise<SavedFile[]> {
  const suffix = Array.from(randomBytes(5), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
  return saveImages(images, 'temp', `ComfyUI_temp_${suffix}`, context);
}

/** `prompt` and every key of extra_pnginfo, as JSON. */
export function graphTexts(context: NodeContext): Record<string, string> {
  const extra = Object.entries(context.extraPnginfo).map(([key, value]) => [key, pythonJson(value)] as const);
  return { prompt: pythonJson(context.graph), ...Object.fromEntries(extra) };
}

/** The graph's texts and a mark that the real server does not write. */
export function pngTexts(context: NodeContext): Record<string, string> {
  return { ...graphTexts(context), Software: SOFTWARE };
}
