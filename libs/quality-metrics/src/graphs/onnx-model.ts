import protobuf from 'protobufjs/light.js';

import { ONNX_DESCRIPTOR } from './onnx-proto.descriptor.js';

/** Element types of a tensor and their numbers in the format (`TensorProto.DataType`). */
export const ELEMENT_TYPE = { float32: 1, uint8: 2, int32: 6, int64: 7, float64: 11 } as const;
export type ElementType = keyof typeof ELEMENT_TYPE;

/** `AttributeProto.AttributeType`, the kinds we write. */
const ATTRIBUTE_TYPE = { int: 2, ints: 7 } as const;

/** A dimension is a fixed size or the name of one that only the run decides. */
export type Dimension = number | string;

export interface GraphValue {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
}

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

export interface GraphConstant {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export interface GraphDefinition {
  readonly name: string;
  readonly doc: string;
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly constants: readonly GraphConstant[];
  readonly nodes: readonly GraphNode[];
}

/** IR version 10 and operator set 21: the newest pair that ONNX Runtime 1.30 loads without a note. */
const IR_VERSION = 10;
const OPSET_VERSION = 21;

const MODEL = protobuf.Root.fromJSON(ONNX_DESCRIPTOR).lookupType('onnx.ModelProto');

/**
 * Writes a graph as the bytes of an ONNX model file.
 *
 * Pure and byte-stable: fields are written in the order of their numbers, constants as little-endian raw data, and
 * nothing of the machine, the clock or the version of a tool goes in. So the SHA-256 of the bytes names the computation.
 */
export function encodeOnnxModel(definition: GraphDefinition): Uint8Array {
  const bytes = MODEL.encode({
    ir_version: IR_VERSION,
    producer_name: 'anime',
    doc_string: '',
    graph: {
      node: definition.nodes.map(toNode),
      name: definition.name,
      initializer: definition.constants.map(toTensor),
      doc_string: definition.doc,
      input: definition.inputs.map(toValueInfo),
      output: definition.outputs.map(toValueInfo),
    },
    opset_import: [{ domain: '', version: OPSET_VERSION }],
  }).finish();
  // The writer hands out a slice of a pooled buffer; a copy keeps the model apart from whatever shares that pool.
  return Uint8Array.from(bytes);
}

function toNode(node: GraphNode) {
  return {
    input: [...node.inputs],
    output: [...node.outputs],
    // Named after its first output, so that a message of the runtime points to one line of the builder.
    name: node.outputs[0] ?? node.op,
    op_type: node.op,
    attribute: Object.entries(node.attributes ?? {}).map(([name, value]) =>
      typeof value === 'number'
        ? { name, i: value, type: ATTRIBUTE_TYPE.int }
        : { name, ints: [...value], type: ATTRIBUTE_TYPE.ints },
    ),
  };
}

function toTensor(constant: GraphConstant) {
  const expected = constant.shape.reduce((product, size) => product * size, 1);
  if (expected !== constant.values.length) {
    throw new RangeError(`constant ${constant.name} has ${constant.values.length} values, its shape wants ${expected}`);
  }
  return {
    dims: [...constant.shape],
    data_type: ELEMENT_TYPE[constant.type],
    name: constant.name,
    raw_data: littleEndian(constant.type, constant.values),
  };
}

function littleEndian(type: ElementType, values: readonly number[]): Uint8Array {
  const width = { uint8: 1, int32: 4, float32: 4, int64: 8, float64: 8 }[type];
  const view = new DataView(new ArrayBuffer(values.length * width));
  values.forEach((value, index) => {
    const offset = index * width;
    switch (type) {
      case 'uint8':
        return view.setUint8(offset, value);
      case 'int32':
        return view.setInt32(offset, value, true);
      case 'float32':
        return view.setFloat32(offset, value, true);
      case 'int64':
        return view.setBigInt64(offset, BigInt(value), true);
      case 'float64':
        return view.setFloat64(offset, value, true);
    }
  });
  return new Uint8Array(view.buffer);
}

function toValueInfo(value: GraphValue) {
  return {
    name: value.name,
    type: {
      tensor_type: {
        elem_type: ELEMENT_TYPE[value.type],
        shape: {
          dim: value.shape.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size })),
        },
      },
    },
  };
}
