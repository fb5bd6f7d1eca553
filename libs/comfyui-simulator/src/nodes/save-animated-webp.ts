import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { pythonJson } from '../python-json.js';
import { nextCounter, resolveSavePath } from '../save-path.js';
import { SOFTWARE } from '../software.js';
import type { NodeContext, NodeInfo, NodeKind } from './node-kind.js';
import { booleanInput, type ImageBatch, linkedInput, type NodeInputs, numberInput, stringInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      images: ['IMAGE', {}],
      filename_prefix: ['STRING', { default: 'ComfyUI', multiline: false }],
      fps: ['FLOAT', { default: 6, min: 0.01, max: 1000, step: 0.01 }],
      lossless: ['BOOLEAN', { default: true }],
      quality: ['INT', { default: 80, min: 0, max: 100 }],
      method: ['COMBO', { multiselect: false, options: ['default', 'fastest', 'slowest'] }],
    },
    hidden: { prompt: ['PROMPT'], extra_pnginfo: ['EXTRA_PNGINFO'] },
  },
  input_order: {
    required: ['images', 'filename_prefix', 'fps', 'lossless', 'quality', 'method'],
    hidden: ['prompt', 'extra_pnginfo'],
  },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['images'],
  output_tooltips: [null],
  output_matchtypes: null,
  name: 'SaveAnimatedWEBP',
  display_name: 'Save Animated WEBP',
  description: '',
  python_module: 'comfy_extras.nodes_images',
  category: 'image',
  output_node: true,
  deprecated: false,
  experimental: false,
  dev_only: false,
  api_node: false,
  price_badge: null,
  search_aliases: null,
  essentials_category: null,
  has_intermediate_output: false,
};

/** Writes the batch as one animated WebP. */
export const saveAnimatedWebp: NodeKind = {
  info: () => INFO,
  async execute(inputs, context) {
    const images = linkedInput(inputs, 'images', 'IMAGE');
    const target = await resolveSavePath(context.directories.output, stringInput(inputs, 'filename_prefix'), images);
    const filename = `${target.filename}_${nextCounter(target)}_.webp`;
    const webp = await encode(images, inputs, context);
    await writeFile(join(target.folder, filename), webp);
    return {
      outputs: [images],
      ui: { images: [{ filename, subfolder: target.subfolder, type: 'output' }], animated: [true] },
    };
  },
};

const EFFORT = { default: 4, fastest: 0, slowest: 6 } as const;

async function encode(images: ImageBatch, inputs: NodeInputs, context: NodeContext): Promise<Buffer> {
  const frames: Buffer[] = [];
  for (let index = 0; index < images.count; index += 1) {
    frames.push(await images.frame(index));
    context.throwIfInterrupted();
  }
  const method = stringInput(inputs, 'method');
  const strip = sharp(Buffer.concat(frames), {
    limitInputPixels: false,
    raw: { width: images.width, height: images.height * images.count, channels: 3, pageHeight: images.height },
  });
  return strip
    .withExif({ IFD0: exifTexts(context) })
    .webp({
      lossless: booleanInput(inputs, 'lossless'),
      quality: Math.max(1, numberInput(inputs, 'quality')),
      effort: EFFORT[method === 'fastest' || method === 'slowest' ? method : 'default'],
      // Whole milliseconds, as Pillow is told. One for each frame: a single number would stand for the first alone.
      delay: frames.map(() => Math.trunc(1000 / numberInput(inputs, 'fps'))),
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
