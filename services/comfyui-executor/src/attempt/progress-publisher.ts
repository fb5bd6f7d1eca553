import type { ApiGraph, Progress } from '@anime/contracts';
import type { PromptMessage } from '@anime/comfyui-client';
import {
  HIGHEST_WHILE_RUNNING,
  isWorthPublishing,
  nodeTitle,
  WAITING,
  withPhase,
  withReport,
  type AttemptProgress,
  type ProgressReport,
  type Published,
} from '../domain/attempt/attempt-progress.js';

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
}

/** Folds an attempt's messages and publishes what viewers should hear of. */
export class ProgressPublisher {
  readonly #options: ProgressPublisherOptions;
  #progress: AttemptProgress = WAITING;
  #last: Published | undefined;

  constructor(options: ProgressPublisherOptions) {
    this.#options = options;
  }

  onMessage(message: PromptMessage): void {
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
      return { kind: 'step', node: node === null ? null : ownNode(node), step: value, steps: max };
    }
    case 'progress_state': {
      // Nodes that a node expanded into have ids like 2.0.0.3: they are part of node 2, which reports for itself.
      const own = Object.entries(message.data.nodes).filter(([id]) => !id.includes('.'));
      return {
        kind: 'nodes',
        shares: own.map(([node, { state, value, max }]) => ({ node, share: shareOf(state, value, max) })),
      };
    }
    default:
      return undefined;
  }
}

function ownNode(id: string): string {
  return id.split('.', 1)[0] ?? id;
}

function shareOf(state: string, value: number | null, max: number | null): number {
  if (state === 'finished') return 1;
  return value !== null && max !== null && max > 0 ? value / max : 0;
}
