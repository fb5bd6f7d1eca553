import type { Parameters } from '@anime/contracts';
import type { Variant } from '../job/next-try.js';

/** What two jobs must have in common so that what one needed is told of the other. */
export interface Footprint {
  /** `<template>@<version>/<variant>` */
  readonly graph: string;
  /** Of the parameters, those that decide over memory. */
  readonly size: string;
}

/** What was seen of a footprint, in bytes. */
interface Seen {
  /** The least that was in use at the peak of a run: it needs no more. */
  readonly enough?: number;
  /** The most that a GPU had that was not enough, with nothing else on it. */
  readonly tooLittle?: number;
}

export type LearnedMemorySnapshot = readonly (readonly [string, Seen])[];

/** So many footprints are remembered, those that were seen last. */
const REMEMBERED = 10_000;
const DECIDES_OVER_MEMORY = /width|height|length|frames|batch|scale|size|checkpoint|model/i;

/** What runs have shown about the GPU memory that jobs need: a fold of logged facts. */
export class LearnedMemory {
  readonly #seen: Map<string, Seen>;

  constructor(snapshot: LearnedMemorySnapshot = []) {
    this.#seen = new Map(snapshot);
  }

  toSnapshot(): LearnedMemorySnapshot {
    return [...this.#seen];
  }

  /** A run worked; so many bytes of its GPU were in use at the peak, by whoever. */
  worked(footprint: Footprint, peakBytes: number): void {
    const { enough = Infinity } = this.#seen.get(keyOf(footprint)) ?? {};
    // What was thought to be too little was not: something else had been on that GPU.
    this.#remember(footprint, { enough: Math.min(enough, peakBytes) });
  }

  /** A run ran out of memory on a GPU of so many bytes from which everything else had been unloaded. */
  ranOut(footprint: Footprint, vramBytes: number): void {
    const seen = this.#seen.get(keyOf(footprint)) ?? {};
    this.#remember(footprint, { ...seen, tooLittle: Math.max(seen.tooLittle ?? 0, vramBytes) });
  }

  /**
   * @param saidBytes what the template says that it needs
   * @returns bytes
   */
  need(footprint: Footprint, saidBytes: number): number {
    const { enough = Infinity, tooLittle = -1 } = this.#seen.get(keyOf(footprint)) ?? {};
    return Math.max(Math.min(saidBytes, enough), tooLittle + 1);
  }

  #remember(footprint: Footprint, seen: Seen): void {
    const key = keyOf(footprint);
    // The one that was seen longest ago is the first.
    this.#seen.delete(key);
    this.#seen.set(key, seen);
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
  }
}

/** What of a job decides over the memory that it needs. */
export function footprintOf(
  {
    template,
    parameters,
  }: { readonly template: { readonly id: string; readonly version: number }; readonly parameters: Parameters },
  variant: Variant,
): Footprint {
  const deciding = Object.entries(parameters).filter(([name]) => DECIDES_OVER_MEMORY.test(name));
  const size = deciding
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${String(value).slice(0, 100)}`);
  return { graph: `${template.id}@${template.version}/${variant}`, size: size.join(' ') };
}

function keyOf({ graph, size }: Footprint): string {
  return `${graph} ${size}`;
}
