import { randomBytes } from 'node:crypto';
import type { NodeInfo, NodeKind } from './node-kind.js';
import { saveImages } from './save-images.js';
import { linkedInput } from './values.js';

const INFO: NodeInfo = {
  input: { required: { images: ['IMAGE'] }, hidden: { prompt: 'PROMPT', extra_pnginfo: 'EXTRA_PNGINFO' } },
  input_order: { required: ['images'], hidden: ['prompt', 'extra_pnginfo'] },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['images'],
  name: 'PreviewImage',
  display_name: 'Preview Image',
  description: 'Preview the images without saving them to the ComfyUI output directory.',
  python_module: 'nodes',
  category: 'image',
  output_node: true,
  has_intermediate_output: false,
  search_aliases: ['preview', 'preview image', 'show image', 'view image', 'display image', 'image viewer'],
  essentials_category: 'Basics',
};

/** Writes PNGs below the temp folder, under a name that is new each time. */
export const previewImage: NodeKind = {
  info: () => INFO,
  async execute(inputs, context) {
    const images = linkedInput(inputs, 'images', 'IMAGE');
    const suffix = Array.from(randomBytes(5), (byte) => String.fromCharCode(97 + (byte % 26))).join('');
    const saved = await saveImages(images, 'temp', `ComfyUI_temp_${suffix}`, context);
    return { outputs: [images], ui: { images: saved } };
  },
};
