import type { NodeInfo, NodeKind } from './node-kind.js';
import { numberInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      width: [
        'INT',
        {
          default: 512,
          min: 16,
          max: 16384,
          step: 8,
          tooltip: 'The width of the latent images in pixels.',
        },
      ],
      height: [
        'INT',
        {
          default: 512,
          min: 16,
          max: 16384,
          step: 8,
          tooltip: 'The height of the latent images in pixels.',
        },
      ],
      batch_size: ['INT', { default: 1, min: 1, max: 4096, tooltip: 'The number of latent images in the batch.' }],
    },
  },
  input_order: { required: ['width', 'height', 'batch_size'] },
  is_input_list: false,
  output: ['LATENT'],
  output_is_list: [false],
  output_name: ['LATENT'],
  name: 'EmptyLatentImage',
  display_name: 'Empty Latent Image',
  description: 'Create a new batch of empty latent images to be denoised via sampling.',
  python_module: 'nodes',
  category: 'model/latent',
  output_node: false,
  has_intermediate_output: false,
  output_tooltips: ['The empty latent image batch.'],
  search_aliases: ['empty', 'empty latent', 'new latent', 'create latent', 'blank latent', 'blank'],
};

/** Size and number of the pictures to come. */
export const emptyLatentImage: NodeKind = {
  info: () => INFO,
  execute(inputs) {
    // The real latent is an eighth of the size; odd sizes are rounded down there too.
    const toPixels = (size: number): number => Math.floor(size / 8) * 8;
    const width = toPixels(numberInput(inputs, 'width'));
    const height = toPixels(numberInput(inputs, 'height'));
    return { outputs: [{ type: 'LATENT', width, height, count: numberInput(inputs, 'batch_size') }] };
  },
};
