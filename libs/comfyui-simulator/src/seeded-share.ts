import { type Random, randomFor } from './picture/random.js';

const streams = new WeakMap<object, Random>();

/**
 * Whether the next of a sequence belongs to the chosen part. Each setting has a sequence of its own, which its seed
 * decides.
 */
export function isChosen(setting: { readonly share?: number; readonly seed?: number }): boolean {
  const { share = 1, seed = 0 } = setting;
  const stream = streams.get(setting) ?? randomFor(seed);
  streams.set(setting, stream);
  return stream.chance(share);
}
