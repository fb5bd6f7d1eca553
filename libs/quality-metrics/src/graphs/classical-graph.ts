import { ELEMENT_TYPE, encodeOnnxModel, type GraphConstant, type GraphNode, type GraphValue } from './onnx-model.js';

/**
 * The sums that the graph gives for one band of rows, in the order in which callers add them up.
 * Each is an integer, and exact: see {@link buildClassicalGraph}.
 */
export const MOMENT_NAMES = [
  /** Σ L over the pixels of the band, L the Laplacian of the luma. */
  'laplacian_sum',
  /** Σ L². */
  'laplacian_square_sum',
  /** Σ rg, rg = R − G. */
  'rg_sum',
  /** Σ rg². */
  'rg_square_sum',
  /** Σ 2·yb, yb = ½(R + G) − B; doubled so that it stays an integer. */
  'yb2_sum',
  /** Σ (2·yb)². */
  'yb2_square_sum',
] as const;
export type MomentName = (typeof MOMENT_NAMES)[number];

const INPUTS: readonly GraphValue[] = [
  { name: 'above', type: 'uint8', shape: [1, 'width', 3] },
  { name: 'rows', type: 'uint8', shape: ['height', 'width', 3] },
  { name: 'below', type: 'uint8', shape: [1, 'width', 3] },
];

const OUTPUTS: readonly GraphValue[] = MOMENT_NAMES.map((name) => ({ name, type: 'float64', shape: [] }));

const CONSTANTS: readonly GraphConstant[] = [
  // OpenCV's fixed-point BT.601 luma with 15 fractional bits: (9798 R + 19235 G + 3735 B + 2^14) >> 15.
  scalar('luma_red', 9798),
  scalar('luma_green', 19235),
  scalar('luma_blue', 3735),
  scalar('luma_half', 16384),
  scalar('luma_scale', 1 / 32768),
  scalar('two', 2),
  scalar('four', 4),
  axis('row_axis', 0),
  axis('column_axis', 1),
  axis('from_0', 0),
  axis('from_1', 1),
  axis('from_2', 2),
  axis('but_last', -1),
  axis('but_last_2', -2),
  axis('to_end', Number.MAX_SAFE_INTEGER),
  axis('one_column', 1),
  axis('two_columns', 2),
];

/**
 * Builds the ONNX graph of the two classical metrics; the same bytes every time.
 *
 * Inputs, uint8 RGB, rows first: `rows` [height, width, 3] is a band of the picture, `above` and `below` [1, width, 3]
 * are its neighbour rows. At the picture's own edge the caller gives the reflected row (REFLECT_101: the edge row is not
 * repeated, so row 1 stands above row 0; a picture of one row is its own neighbour). The left and right edges are
 * reflected inside the graph. Outputs: the float64 scalars {@link MOMENT_NAMES}.
 *
 * Every number in the graph is an integer (or an integer / 2^15 before its floor) below 2^53, so float64 holds each one
 * exactly and the result depends neither on the order of summation nor on threads, bands or processor.
 * Convolution is written as shifted additions because the runtime's CPU kernel of Conv knows float32 only.
 *
 * Sources: Laplacian kernel 0 1 0 / 1 −4 1 / 0 1 0 and its variance, J. L. Pech-Pacheco et al., "Diatom autofocusing in
 * brightfield microscopy", ICPR 2000; opponent colours, D. Hasler and S. Süsstrunk, "Measuring colourfulness in natural
 * images", SPIE 5007, 2003.
 */
export function buildClassicalGraph(): Uint8Array {
  return encodeOnnxModel({
    name: 'classical-moments',
    doc: 'Moments of the luma Laplacian and of the opponent colours over a band of rows.',
    inputs: INPUTS,
    outputs: OUTPUTS,
    constants: CONSTANTS,
    nodes: [...planes(), ...luma(), ...laplacian(), ...opponentColours()],
  });
}

/** uint8 [height+2, width, 3] → three float64 planes [height+2, width]. */
function planes(): GraphNode[] {
  return [
    node('Concat', ['above', 'rows', 'below'], 'band', { axis: 0 }),
    // Planes before the widening: it moves one byte a sample instead of eight.
    node('Transpose', ['band'], 'band_planes', { perm: [2, 0, 1] }),
    node('Cast', ['band_planes'], 'band_wide', { to: ELEMENT_TYPE.float64 }),
    {
      op: 'Split',
      inputs: ['band_wide'],
      outputs: ['red_1', 'green_1', 'blue_1'],
      attributes: { axis: 0, num_outputs: 3 },
    },
    node('Squeeze', ['red_1', 'row_axis'], 'red'),
    node('Squeeze', ['green_1', 'row_axis'], 'green'),
    node('Squeeze', ['blue_1', 'row_axis'], 'blue'),
  ];
}

function luma(): GraphNode[] {
  return [
    node('Mul', ['red', 'luma_red'], 'red_part'),
    node('Mul', ['green', 'luma_green'], 'green_part'),
    node('Mul', ['blue', 'luma_blue'], 'blue_part'),
    node('Add', ['red_part', 'green_part'], 'red_green_part'),
    node('Add', ['red_green_part', 'blue_part'], 'weighted'),
    node('Add', ['weighted', 'luma_half'], 'weighted_half'),
    node('Mul', ['weighted_half', 'luma_scale'], 'luma_exact'),
    node('Floor', ['luma_exact'], 'luma'),
  ];
}

function laplacian(): GraphNode[] {
  return [
    slice('luma', 'from_1', 'but_last', 'row_axis', 'centre'),
    slice('luma', 'from_0', 'but_last_2', 'row_axis', 'north'),
    slice('luma', 'from_2', 'to_end', 'row_axis', 'south'),
    // REFLECT_101 columns: beside column 0 stands column min(1, width-1), beside the last one column -min(2, width),
    // so a picture of one column is its own neighbour.
    { op: 'Shape', inputs: ['centre'], outputs: ['width'], attributes: { start: 1, end: 2 } },
    node('Sub', ['width', 'one_column'], 'last_column'),
    node('Min', ['one_column', 'last_column'], 'west_index'),
    node('Min', ['two_columns', 'width'], 'east_distance'),
    node('Neg', ['east_distance'], 'east_index'),
    node('Gather', ['centre', 'west_index'], 'west_edge', { axis: 1 }),
    node('Gather', ['centre', 'east_index'], 'east_edge', { axis: 1 }),
    node('Concat', ['west_edge', 'centre', 'east_edge'], 'reflected', { axis: 1 }),
    slice('reflected', 'from_0', 'but_last_2', 'column_axis', 'west'),
    slice('reflected', 'from_2', 'to_end', 'column_axis', 'east'),
    node('Add', ['north', 'south'], 'vertical'),
    node('Add', ['west', 'east'], 'horizontal'),
    node('Add', ['vertical', 'horizontal'], 'neighbours'),
    node('Mul', ['centre', 'four'], 'centre_4'),
    node('Sub', ['neighbours', 'centre_4'], 'laplacian'),
    ...moments('laplacian'),
  ];
}

function opponentColours(): GraphNode[] {
  return [
    slice('red', 'from_1', 'but_last', 'row_axis', 'red_rows'),
    slice('green', 'from_1', 'but_last', 'row_axis', 'green_rows'),
    slice('blue', 'from_1', 'but_last', 'row_axis', 'blue_rows'),
    node('Sub', ['red_rows', 'green_rows'], 'rg'),
    node('Add', ['red_rows', 'green_rows'], 'yellow_2'),
    node('Mul', ['blue_rows', 'two'], 'blue_2'),
    node('Sub', ['yellow_2', 'blue_2'], 'yb2'),
    ...moments('rg'),
    ...moments('yb2'),
  ];
}

function moments(plane: 'laplacian' | 'rg' | 'yb2'): GraphNode[] {
  return [
    node('ReduceSum', [plane], `${plane}_sum` satisfies MomentName, { keepdims: 0 }),
    node('ReduceSumSquare', [plane], `${plane}_square_sum` satisfies MomentName, { keepdims: 0 }),
  ];
}

function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes?: Readonly<Record<string, number | readonly number[]>>,
): GraphNode {
  return { op, inputs, outputs: [output], ...(attributes === undefined ? {} : { attributes }) };
}

function slice(data: string, start: string, end: string, along: string, output: string): GraphNode {
  return node('Slice', [data, start, end, along], output);
}

function scalar(name: string, value: number): GraphConstant {
  return { name, type: 'float64', shape: [], values: [value] };
}

function axis(name: string, value: number): GraphConstant {
  return { name, type: 'int64', shape: [1], values: [value] };
}
