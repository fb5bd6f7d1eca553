import type { NodeInfo, NodeKind } from './node-kind.js';
import { linkedInput } from './values.js';

const INFO: NodeInfo = {
  input: { required: { image: ['IMAGE'] } },
  input_order: { required: ['image'] },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['IMAGE'],
  name: 'ImageInvert',
  display_name: 'Invert Image Colors',
  description: '',
  python_module: 'nodes',
  category: 'image/color',
  output_node: false,
  has_intermediate_output: false,
  search_aliases: ['reverse colors'],
  essentials_category: 'Image Tools',
};

/** Inverts every channel. */
export const imageInvert: NodeKind = {
  info: () => INFO,
  execute(inputs) {
    const image = linkedInput(inputs, 'image', 'IMAGE');
    const frame = async (index: number): Promise<Buffer> =>
      Buffer.from((await image.frame(index)).map((channel) => 255 - channel));
    return { outputs: [{ ...image, frame }] };
  },
};
