import type { NodeInfo, NodeKind } from './node-kind.js';
import { renderFrame } from '../picture/render.js';
import { linkedInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      samples: ['LATENT', { tooltip: 'The latent to be decoded.' }],
      vae: ['VAE', { tooltip: 'The VAE model used for decoding the latent.' }],
    },
  },
  input_order: { required: ['samples', 'vae'] },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['IMAGE'],
  name: 'VAEDecode',
  display_name: 'VAE Decode',
  description: 'Decodes latent images back into pixel space images.',
  python_module: 'nodes',
  category: 'model/latent',
  output_node: false,
  has_intermediate_output: false,
  output_tooltips: ['The decoded image.'],
  search_aliases: ['decode', 'decode latent', 'latent to image', 'render latent'],
};

/** Turns a sampled latent into pictures, drawn when a node asks for them. */
export const vaeDecode: NodeKind = {
  info: () => INFO,
  execute(inputs) {
    const { width, height, count, recipe } = linkedInput(inputs, 'samples', 'LATENT');
    const grey = Buffer.alloc(width * height * 3, 128);
    const frame = (index: number): Promise<Buffer> =>
      recipe === undefined ? Promise.resolve(grey) : renderFrame(recipe, { width, height }, { index, count });
    return { outputs: [{ type: 'IMAGE', width, height, count, frame }] };
  },
};
