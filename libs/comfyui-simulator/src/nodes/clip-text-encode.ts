import type { NodeInfo, NodeKind } from './node-kind.js';
import { stringInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      text: ['STRING', { multiline: true, dynamicPrompts: true, tooltip: 'The text to be encoded.' }],
      clip: ['CLIP', { tooltip: 'The CLIP model used for encoding the text.' }],
    },
  },
  input_order: { required: ['text', 'clip'] },
  is_input_list: false,
  output: ['CONDITIONING'],
  output_is_list: [false],
  output_name: ['CONDITIONING'],
  name: 'CLIPTextEncode',
  display_name: 'CLIP Text Encode (Prompt)',
  description:
    'Encodes a text prompt using a CLIP model into an embedding that can be used to guide the diffusion model towards generating specific images.',
  python_module: 'nodes',
  category: 'model/conditioning',
  output_node: false,
  has_intermediate_output: false,
  output_tooltips: ['A conditioning containing the embedded text used to guide the diffusion model.'],
  search_aliases: [
    'text',
    'prompt',
    'text prompt',
    'positive prompt',
    'negative prompt',
    'encode text',
    'text encoder',
    'encode prompt',
  ],
};

/** Keeps the text: the simulated sampler reads it as it stands. */
export const clipTextEncode: NodeKind = {
  info: () => INFO,
  execute(inputs) {
    return { outputs: [{ type: 'CONDITIONING', text: stringInput(inputs, 'text') }] };
  },
};
