import type { SamplingRecipe } from '../picture/recipe.js';
import { NodeExecutionError } from './node-errors.js';

/** A batch of pictures. Frames are drawn when asked for, so that a long animation need not lie in memory twice. */
export interface ImageBatch {
  readonly type: 'IMAGE';
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** Raw interleaved RGB, 8 bits per channel, `width * height * 3` bytes. */
  frame(index: number): Promise<Buffer>;
}

export interface Latent {
  readonly type: 'LATENT';
  readonly width: number;
  readonly height: number;
  readonly count: number;
  /** Undefined while the latent is empty. */
  readonly recipe?: SamplingRecipe;
}

/** Inputs after links were replaced by the values that stand behind them. */
export type NodeInputs = Readonly<Record<string, unknown>>;

/** What travels over a link. */
export type Value =
  | { readonly type: 'MODEL'; readonly checkpoint: string }
  | { readonly type: 'CLIP'; readonly checkpoint: string }
  | { readonly type: 'VAE'; readonly checkpoint: string }
  | { readonly type: 'CONDITIONING'; readonly text: string }
  | Latent
  | ImageBatch;

type ValueOf<T extends Value['type']> = Extract<Value, { type: T }>;

/** Reads a linked input. @throws NodeExecutionError (TypeError) when something else is there */
export function linkedInput<T extends Value['type']>(inputs: NodeInputs, name: string, type: T): ValueOf<T> {
  const value = inputs[name];
  if (isValue(value, type)) return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a ${type}`);
}

function isValue<T extends Value['type']>(value: unknown, type: T): value is ValueOf<T> {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type;
}

/** Reads a widget input; validation has converted it before. */
export function numberInput(inputs: NodeInputs, name: string): number {
  const value = inputs[name];
  if (typeof value === 'number') return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a number`);
}

export function stringInput(inputs: NodeInputs, name: string): string {
  const value = inputs[name];
  if (typeof value === 'string') return value;
  throw new NodeExecutionError('TypeError', `input ${name} is not a string`);
}

export function booleanInput(inputs: NodeInputs, name: string): boolean {
  return inputs[name] === true;
}
