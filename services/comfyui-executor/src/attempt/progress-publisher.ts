import type { ApiGraph, Progress } from '@anime/contracts';
import type { PromptMessage } from '@anime/comfyui-client';
import {
  HIGHEST_WHILE_RUNNING,
  isWorthPublishing,
  nodeTitle,
  ownNode,
  ownShares,
  WAITING,
  withPhase,
  withReport,
  type AttemptProgress,
  type ProgressReport,
  type Published,
} from '../domain/attempt/attempt-progress.js';
import type { NodeDurations } from '../domain/attempt/node-durations.js';

export interface ProgressPublisherOptions {
  readonly jobId: string;
  readonly attempt: number;
  readonly graph: ApiGraph;
  /** Share of the work per node id. */
  readonly weights: Readonly<Record<string, number>>;
  /**
   * True for an attempt that an earlier life of the process began. How far that told its viewers is not known here, and
   * a fraction must never fall: then only what is beyond all it can have said is published.
   */
  readonly resumed: boolean;
  /** Sends and forgets: progress that is lost is lost. */
  readonly publish: (progress: Progress) => void;
  /** Told what each node took. */
  readonly durations?: NodeDurations | undefined;
}

/** Folds an attempt's messages and publishes what viewers should hear of. */
export class ProgressPublisher {
  readonly #options: ProgressPublisherOptions;
  #progress: AttemptProgress = WAITING;
  #last: Published | undefined;
  #timed: { readonly node: string; readonly beganMs: number; steps: number | null } | undefined;

  constructor(options: ProgressPublisherOptions) {
    this.#options = options;
  }

  onMessage(message: PromptMessage): void {
    this.#time(message);
    const report = reportOf(message);
    if (report === undefined) return;
    this.#progress = withReport(this.#progress, report, this.#options.weights);
    this.flush();
  }

  enter(phase: Progress['phase'], executed = false): void {
    if (phase === this.#progress.phase && this.#last !== undefined) return this.flush();
    this.#progress = withPhase(this.#progress, phase, executed);
    this.flush();
  }

  /** Publishes what was held back, if it is time. */
  flush(): void {
    const nowMs = performance.now();
    if (!isWorthPublishing(this.#progress, this.#last, nowMs)) return;
    this.#last = { progress: this.#progress, atMs: nowMs };
    const { jobId, attempt, graph, resumed, publish } = this.#options;
    if (resumed && this.#progress.fraction < HIGHEST_WHILE_RUNNING) return;
    const { phase, fraction, node, step, steps } = this.#progress;
    publish({
      jobId,
      attempt,
      phase,
      fraction,
      node,
      nodeTitle: nodeTitle(graph, node),
      step,
      steps,
      at: new Date().toISOString(),
    });
  }

  /**
   * Learns what nodes take. A node runs from when it is named until another one is; one that nobody saw beginning, or ending well,
   * tells nothing.
   */
  #time(message: PromptMessage): void {
    const { graph, durations, resumed } = this.#options;
    if (durations === undefined || resumed) return;
    if (message.type === 'execution_error' || message.type === 'execution_interrupted') this.#timed = undefined;
    if (message.type === 'progress' && message.data.node === this.#timed?.node) this.#timed.steps = message.data.max;
    if (message.type !== 'executing') return;
    const named = message.data.display_node ?? message.data.node;
    const node = named === null ? null : ownNode(named);
    const before = this.#timed;
    if (node === before?.node) return;
    const nowMs = performance.now();
    const classType = before === undefined ? undefined : graph[before.node]?.class_type;
    if (before !== undefined && classType !== undefined)
      durations.learn(classType, nowMs - before.beganMs, before.steps);
    this.#timed = node === null ? undefined : { node, beganMs: nowMs, steps: null };
  }
}

/** What a message says about the work done; undefined for those that say nothing about it. */
function reportOf(message: PromptMessage): ProgressReport | undefined {
  switch (message.type) {
    case 'execution_start':
      return { kind: 'cached', nodes: [] };
    case 'execution_cached':
      return { kind: 'cached', nodes: message.data.nodes };
    case 'executing': {
      const node = message.data.display_node ?? message.data.node;
      return node === null ? undefined : { kind: 'node', node: ownNode(node) };
    }
    case 'progress': {
      const { node, value, max } = message.data;
      const own = node === null ? null : ownNode(node);
      return { kind: 'step', node: own, step: value, steps: max, ofPart: own !== node };
    }
    case 'progress_state': {
      const states = Object.entries(message.data.nodes);
      return {
        kind: 'nodes',
        shares: ownShares(states.map(([id, { state, value, max }]) => [id, shareOf(state, value, max)])),
      };
    }
    default:
      return undefined;
  }
}

function shareOf(state: string, value: number | null, max: number | null): number {
  if (state === 'finished') return 1;
  return value !== null && max !== null && max > 0 ? value / max : 0;
}
