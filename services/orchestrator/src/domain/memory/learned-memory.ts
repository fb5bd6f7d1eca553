import type { Parameters } from '@anime/contracts';
import type { Variant } from '../job/next-try.js';

/** What two jobs must have in common so that what one needed is told of the other. */
export interface Footprint {
  /** `<template>@<version>/<variant>` */
  readonly graph: string;
  /** Of the parameters, those that decide over memory. */
  readonly size: string;
}

/** A run that worked. */
export interface Run {
  /** The most that was seen in use, by whoever: a look now and then may have missed some. */
  readonly peakBytes: number;
  /** What its GPU has in all; null when that was not told. */
  readonly gpuBytes: number | null;
  /** What other jobs had loaded was unloaded before. */
  readonly alone: boolean;
}

/** What was seen of a footprint. */
interface Seen {
  /** The newest, in order. */
  readonly runs: readonly Run[];
  /** The most bytes that a GPU had that were not enough, with nothing else on it; -1 when there was none. */
  readonly tooLittle: number;
}

/** What a job needs of a GPU, in whole bytes. */
export interface LearnedNeed {
  /** So much must be free when it begins. */
  readonly freeBytes: number;
  /** So much the GPU must have in all; never less than `freeBytes`. */
  readonly gpuBytes: number;
}

export type LearnedMemorySnapshot = readonly (readonly [string, Seen])[];

/** So many footprints are remembered, those that were seen last. */
const REMEMBERED = 10_000;
/** So many runs of a footprint are remembered. */
const RUNS = 8;
/** So many must have shown that less than the template says is enough. */
const RUNS_TO_LOWER = 3;
/** A peak that was seen is a little less than the peak that was. */
const MARGIN = 1.2;
const NOTHING: Seen = { runs: [], tooLittle: -1 };
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

  /** A run worked. */
  worked(footprint: Footprint, run: Run): void {
    const { runs, tooLittle } = this.#seenOf(footprint);
    // What was thought to be too little was not: something else had been on that GPU.
    const wasEnough = run.gpuBytes !== null && run.gpuBytes <= tooLittle;
    this.#remember(footprint, { runs: [...runs, run].slice(-RUNS), tooLittle: wasEnough ? -1 : tooLittle });
  }

  /** A run ran out of memory on a GPU of so many bytes from which everything else had been unloaded. */
  ranOut(footprint: Footprint, vramBytes: number): void {
    const seen = this.#seenOf(footprint);
    this.#remember(footprint, { ...seen, tooLittle: Math.max(seen.tooLittle, vramBytes) });
  }

  /**
   * Less than the template says must be free when several runs were content with less. More never must: what is free depends
   * on others, and a job could wait for it for ever. More is asked of the size of the GPU alone, by runs that had it for
   * themselves (in the peaks of the others are the models of other jobs), and no more than where a run has worked.
   * @param saidBytes what the template says that it needs
   */
  need(footprint: Footprint, saidBytes: number): LearnedNeed {
    const { runs, tooLittle } = this.#seenOf(footprint);
    const freeBytes = runs.length < RUNS_TO_LOWER ? saidBytes : Math.min(saidBytes, mostOf(runs));
    const worked = Math.min(...runs.map(({ gpuBytes }) => gpuBytes ?? Infinity));
    const shown = Math.min(mostOf(runs.filter(({ alone }) => alone)), worked);
    return { freeBytes, gpuBytes: Math.max(freeBytes, shown, tooLittle + 1) };
  }

  #seenOf(footprint: Footprint): Seen {
    return this.#seen.get(keyOf(footprint)) ?? NOTHING;
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

/** The most that these runs had in use, with the margin; 0 for none. */
function mostOf(runs: readonly Run[]): number {
  return Math.ceil(Math.max(0, ...runs.map(({ peakBytes }) => peakBytes)) * MARGIN);
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
