import type { NodeInfo, NodeKind } from './node-kind.js';
import { saveImages } from './save-images.js';
import { linkedInput, stringInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      images: ['IMAGE', { tooltip: 'The images to save.' }],
      filename_prefix: [
        'STRING',
        {
          default: 'ComfyUI',
          tooltip:
            'The prefix for the file to save. This may include formatting information such as %date:yyyy-MM-dd% or %Empty Latent Image.width% to include values from nodes.',
        },
      ],
    },
    hidden: { prompt: 'PROMPT', extra_pnginfo: 'EXTRA_PNGINFO' },
  },
  input_order: { required: ['images', 'filename_prefix'], hidden: ['prompt', 'extra_pnginfo'] },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['images'],
  name: 'SaveImage',
  display_name: 'Save Image',
  description: 'Saves the input images to your ComfyUI output directory.',
  python_module: 'nodes',
  category: 'image',
  output_node: true,
  has_intermediate_output: false,
  search_aliases: ['save', 'save image', 'export image', 'output image', 'write image', 'download'],
  essentials_category: 'Basics',
};

/** Writes one PNG per picture below the output folder. */
export const saveImage: NodeKind = {
  info: () => INFO,
  async execute(inputs, context) {
    const images = linkedInput(inputs, 'images', 'IMAGE');
    const saved = await saveImages(images, 'output', stringInput(inputs, 'filename_prefix'), context);
    return { outputs: [images], ui: { images: saved } };
  },
};
