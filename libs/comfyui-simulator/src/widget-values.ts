import { isRecord } from './graph.js';
import type { InputSpec } from './nodes/node-kind.js';
import { pythonStr } from './python-json.js';
import { invalidInputType, type NodeError, outOfRange, valueNotInList } from './validation-errors.js';

/** Either the value as a node will see it, or why it cannot be one. */
export type Conversion = { readonly value: unknown } | { readonly error: NodeError };

/** The choices of a list input in either format, or undefined for any other input. */
export function choicesOf(spec: InputSpec): readonly unknown[] | undefined {
  const [type, config] = spec;
  if (typeof type !== 'string') return type;
  const options = config?.['options'];
  return type === 'COMBO' && Array.isArray(options) ? options : undefined;
}

/** Converts and checks one widget value the way ComfyUI does ("5" and 5.9 become 5, ranges, membership of lists). */
export function convertWidget(input: string, spec: InputSpec, received: unknown): Conversion {
  const converted = convert(spec[0], received);
  if (typeof converted === 'object' && converted !== null && 'reason' in converted) {
    return { error: invalidInputType(input, spec, received, String(converted.reason)) };
  }
  const value = converted;
  const { min, max } = spec[1] ?? {};
  if (typeof value === 'number') {
    if (typeof min === 'number' && value < min) return { error: outOfRange(input, spec, value, 'min') };
    if (typeof max === 'number' && value > max) return { error: outOfRange(input, spec, value, 'max') };
  }
  const choices = choicesOf(spec);
  if (choices !== undefined && !choices.includes(value)) {
    return { error: valueNotInList(input, spec, choices, value) };
  }
  return { value };
}

function convert(type: InputSpec[0], received: unknown): unknown {
  if (type === 'INT') return toInteger(received);
  if (type === 'FLOAT') return toFloat(received);
  if (type === 'STRING') return pythonStr(received);
  if (type === 'BOOLEAN') return Array.isArray(received) ? received.length > 0 : Boolean(received);
  return received;
}

function toInteger(received: unknown): number | { reason: string } {
  if (typeof received === 'number') return Math.trunc(received);
  if (typeof received === 'boolean') return received ? 1 : 0;
  if (typeof received === 'string') {
    if (/^\s*[+-]?\d+\s*$/.test(received)) return Number(received);
    return { reason: `invalid literal for int() with base 10: '${received}'` };
  }
  return {
    reason: `int() argument must be a string, a bytes-like object or a real number, not '${typeName(received)}'`,
  };
}

function toFloat(received: unknown): number | { reason: string } {
  if (typeof received === 'number') return received;
  if (typeof received === 'boolean') return received ? 1 : 0;
  if (typeof received === 'string') {
    if (received.trim() !== '' && Number.isFinite(Number(received))) return Number(received);
    return { reason: `could not convert string to float: '${received}'` };
  }
  return { reason: `float() argument must be a string or a real number, not '${typeName(received)}'` };
}

function typeName(value: unknown): string {
  return isRecord(value) ? 'dict' : 'NoneType';
}
