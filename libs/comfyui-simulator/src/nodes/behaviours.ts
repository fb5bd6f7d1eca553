import type { NodeBehaviour } from './node-kind.js';
import { linkedInput, type NodeInputs, stringInput, type TypedValue, type Value } from './values.js';

/** The value of one type that travels on links. */
export type Fields<T extends TypedValue['type']> = Extract<TypedValue, { type: T }>;

/** A node that makes its outputs of its inputs alone. */
export function compute(outputs: (inputs: NodeInputs) => readonly Value[]): NodeBehaviour {
  return { execute: (inputs) => ({ outputs: outputs(inputs) }) };
}

/** A node that makes its outputs of the texts of some widgets. */
export function pick(
  names: readonly string[],
  outputs: (...texts: readonly [string, string]) => readonly Value[],
): NodeBehaviour {
  return compute((inputs) => {
    const [first = '', second = ''] = names.map((name) => stringInput(inputs, name));
    return outputs(first, second);
  });
}

/** A model passes through and is changed by the settings of the node: they join what decides the drawing. */
export function patchModel(name: string, ...settings: readonly string[]): NodeBehaviour {
  return compute((inputs) => {
    const model = linkedInput(inputs, 'model', 'MODEL');
    const words = settings.map((setting) => String(inputs[setting]));
    return [{ ...model, patches: [...model.patches, [name, ...words].join(' ')] }];
  });
}
