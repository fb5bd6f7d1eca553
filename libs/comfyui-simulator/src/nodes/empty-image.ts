import type { NodeInfo, NodeKind } from './node-kind.js';
import { numberInput } from './values.js';

const INFO: NodeInfo = {
  input: {
    required: {
      width: ['INT', { default: 512, min: 1, max: 16384, step: 1 }],
      height: ['INT', { default: 512, min: 1, max: 16384, step: 1 }],
      batch_size: ['INT', { default: 1, min: 1, max: 4096 }],
      color: ['INT', { default: 0, min: 0, max: 16777215, step: 1, display: 'color' }],
    },
  },
  input_order: { required: ['width', 'height', 'batch_size', 'color'] },
  is_input_list: false,
  output: ['IMAGE'],
  output_is_list: [false],
  output_name: ['IMAGE'],
  name: 'EmptyImage',
  display_name: 'Empty Image',
  description: '',
  python_module: 'nodes',
  category: 'image',
  output_node: false,
  has_intermediate_output: false,
  search_aliases: [],
};

/** Pictures of one colour: the cheapest graph there is. */
export const emptyImage: NodeKind = {
  info: () => INFO,
  execute(inputs) {
    const width = numberInput(inputs, 'width');
    const height = numberInput(inputs, 'height');
    const color = numberInput(inputs, 'color');
    const pixel = Buffer.from([(color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff]);
    const frame = (): Promise<Buffer> => Promise.resolve(Buffer.alloc(width * height * 3, pixel));
    return { outputs: [{ type: 'IMAGE', width, height, count: numberInput(inputs, 'batch_size'), frame }] };
  },
};
