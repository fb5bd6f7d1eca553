import type { Link } from './graph.js';
import type { InputSpec } from './nodes/node-kind.js';
import { pythonRepr, pythonStr } from './python-json.js';

/** One reason why a node was refused, field names as ComfyUI sends them. */
export interface NodeError {
  readonly type: string;
  readonly message: string;
  readonly details: string;
  readonly extra_info: Readonly<Record<string, unknown>>;
}

/** The `error` of a 400 of POST /prompt. */
export type PromptError = NodeError;

export interface NodeErrorEntry {
  readonly errors: readonly NodeError[];
  readonly dependent_outputs: string[];
  readonly class_type: string;
}

/** What Python would have raised while validating; ComfyUI turns it into an error of the node. */
export class ValidationException extends Error {
  override readonly name = 'ValidationException';
  constructor(
    readonly exceptionType: 'KeyError' | 'IndexError' | 'TypeError',
    message: string,
  ) {
    super(message);
  }
}

export const requiredInputMissing = (input: string): NodeError => ({
  type: 'required_input_missing',
  message: 'Required input is missing',
  details: input,
  extra_info: { input_name: input },
});

export const badLinkedInput = (input: string, spec: InputSpec, received: unknown): NodeError => ({
  type: 'bad_linked_input',
  message: 'Bad linked input, must be a length-2 list of [node_id, slot_index]',
  details: input,
  extra_info: { input_name: input, input_config: spec, received_value: received },
});

export function returnTypeMismatch(input: string, spec: InputSpec, received: string, link: unknown): NodeError {
  return {
    type: 'return_type_mismatch',
    message: 'Return type mismatch between linked nodes',
    details: `${input}, received_type(${received}) mismatch input_type(${String(spec[0])})`,
    extra_info: { input_name: input, input_config: spec, received_type: received, linked_node: link },
  };
}

export function invalidInputType(input: string, spec: InputSpec, received: unknown, reason: string): NodeError {
  return {
    type: 'invalid_input_type',
    message: `Failed to convert an input value to a ${String(spec[0])} value`,
    details: `${input}, ${pythonStr(received)}, ${reason}`,
    extra_info: { input_name: input, input_config: spec, received_value: received, exception_message: reason },
  };
}

/** Below `min` or above `max`; a FLOAT is shown with its decimal point. */
export function outOfRange(input: string, spec: InputSpec, received: number, side: 'min' | 'max'): NodeError {
  const show = (value: number): string =>
    spec[0] === 'FLOAT' && Number.isInteger(value) ? `${value}.0` : String(value);
  const bound = Number(spec[1]?.[side]);
  return {
    type: side === 'min' ? 'value_smaller_than_min' : 'value_bigger_than_max',
    message: `Value ${show(received)} ${side === 'min' ? 'smaller' : 'bigger'} than ${side} of ${show(bound)}`,
    details: input,
    extra_info: { input_name: input, input_config: spec, received_value: received },
  };
}

/** Lists of more than 20 choices are left out of the answer. */
export function valueNotInList(
  input: string,
  spec: InputSpec,
  choices: readonly unknown[],
  received: unknown,
): NodeError {
  const isLong = choices.length > 20;
  const list = isLong ? `(list of length ${choices.length})` : pythonRepr(choices);
  return {
    type: 'value_not_in_list',
    message: 'Value not in list',
    details: `${input}: '${pythonStr(received)}' not in ${list}`,
    extra_info: { input_name: input, input_config: isLong ? null : spec, received_value: received },
  };
}

export const dependencyCycle = (nodeId: string, cycle: readonly string[], path: string): NodeError => ({
  type: 'dependency_cycle',
  message: 'Dependency cycle detected',
  details: path,
  extra_info: { node_id: nodeId, cycle_nodes: cycle },
});

export const customValidationFailed = (input: string, reason: string): NodeError => ({
  type: 'custom_validation_failed',
  message: 'Custom validation failed for node',
  details: `${input} - ${reason}`,
  extra_info: { input_name: input },
});

export const exceptionDuringValidation = (exception: ValidationException): NodeError => ({
  type: 'exception_during_validation',
  message: 'Exception when validating node',
  details: exception.message,
  extra_info: { exception_type: exception.exceptionType, traceback: traceback(exception) },
});

export function exceptionDuringInnerValidation(
  exception: ValidationException,
  input: string,
  spec: InputSpec,
  link: Link,
): NodeError {
  return {
    type: 'exception_during_inner_validation',
    message: 'Exception when validating inner node',
    details: exception.message,
    extra_info: {
      input_name: input,
      input_config: spec,
      exception_message: exception.message,
      exception_type: exception.exceptionType,
      traceback: traceback(exception),
      linked_node: link,
    },
  };
}

function traceback(exception: ValidationException): string[] {
  return [`  File "comfyui-simulator", in validate_inputs\n    ${exception.exceptionType}: ${exception.message}\n`];
}
