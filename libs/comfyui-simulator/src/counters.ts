import type { PromptFaultKind } from './prompt-fault.js';

/** What happened since the start, restarts included, for tests that ask "did it run once?". */
export interface Counters {
  /** POST /prompt requests received, refused ones included. */
  promptsPosted: number;
  /** POST /prompt requests answered 200. */
  promptsAccepted: number;
  /** Executions begun, by prompt id. */
  promptsExecuted: Record<string, number>;
  /** Nodes executed, cached ones not counted. */
  nodesExecuted: number;
  /** The same by node class. */
  nodesByClass: Record<string, number>;
  /** How often a model file was brought into video memory, by file name. */
  modelLoads: Record<string, number>;
  /** Executions of a sampling node begun, cached ones not counted. */
  samplerRuns: number;
  /** Faults of `Faults.atPrompt` that struck, by kind. */
  faultsStruck: Partial<Record<PromptFaultKind, number>>;
  restarts: number;
}

export function newCounters(): Counters {
  return {
    promptsPosted: 0,
    promptsAccepted: 0,
    promptsExecuted: {},
    nodesExecuted: 0,
    nodesByClass: {},
    modelLoads: {},
    samplerRuns: 0,
    faultsStruck: {},
    restarts: 0,
  };
}

/** One more of a kind. */
export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
