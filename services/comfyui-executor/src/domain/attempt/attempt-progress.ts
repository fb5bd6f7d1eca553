import type { ApiGraph, Progress } from '@anime/contracts';

/** What a websocket message says about the work done; the shell translates ComfyUI's messages into these. */
export type ProgressReport =
  /** Nodes that are done without having run. */
  | { readonly kind: 'cached'; readonly nodes: readonly string[] }
  /** How far single nodes are, 0..1; `node` is the graph's own (top-level) id. */
  | { readonly kind: 'nodes'; readonly shares: readonly { readonly node: string; readonly share: number }[] }
  /** A node begins. */
  | { readonly kind: 'node'; readonly node: string }
  /** A step within a node; `ofPart`: within one of the nodes that it expanded into, so it says nothing of the whole node. */
  | {
      readonly kind: 'step';
      readonly node: string | null;
      readonly step: number;
      readonly steps: number;
      readonly ofPart: boolean;
    };

export interface AttemptProgress {
  readonly phase: Progress['phase'];
  /** 0..1; never falls. */
  readonly fraction: number;
  readonly node: string | null;
  readonly step: number | null;
  readonly steps: number | null;
  /** By node id, 0..1. */
  readonly done: Readonly<Record<string, number>>;
}

/** Nothing is known yet: the prompt waits. */
export const WAITING: AttemptProgress = {
  phase: 'waiting',
  fraction: 0,
  node: null,
  step: null,
  steps: null,
  done: {},
};

/** The last hundredth is kept for fetching the outputs, so that 1 means ended. */
export const HIGHEST_WHILE_RUNNING = 0.99;

/**
 * Takes one report in. A report about a running prompt means that it runs.
 * @param weights share of the work per node id, as accepted; sums to 1
 */
export function withReport(
  progress: AttemptProgress,
  report: ProgressReport,
  weights: Readonly<Record<string, number>>,
): AttemptProgress {
  const running: AttemptProgress = { ...progress, phase: progress.phase === 'waiting' ? 'running' : progress.phase };
  switch (report.kind) {
    case 'cached':
      return withShares(
        running,
        report.nodes.map((node) => ({ node, share: 1 })),
        weights,
      );
    case 'nodes':
      return withShares(running, report.shares, weights);
    case 'node':
      return report.node === running.node ? running : { ...running, node: report.node, step: null, steps: null };
    case 'step': {
      const stepped = withStep(running, report);
      return report.node === null || report.ofPart
        ? stepped
        : withShares(
            stepped,
            [{ node: report.node, share: report.steps > 0 ? report.step / report.steps : 0 }],
            weights,
          );
    }
  }
}

const PHASES: readonly Progress['phase'][] = ['waiting', 'running', 'downloading', 'ended'];

/** Enters a later phase (never an earlier one); `ended` with success is the whole attempt. */
export function withPhase(progress: AttemptProgress, phase: Progress['phase'], executed = false): AttemptProgress {
  if (PHASES.indexOf(phase) < PHASES.indexOf(progress.phase)) return progress;
  const fraction = phase === 'ended' && executed ? 1 : phase === 'downloading' ? HIGHEST_WHILE_RUNNING : 0;
  return {
    ...progress,
    phase,
    fraction: Math.max(progress.fraction, fraction),
    ...(phase === 'running' ? {} : { node: null, step: null, steps: null }),
  };
}

/** A message every quarter of a second at most, and at least 0.25 % apart, so that 400 last the whole attempt (architecture §8). */
const SHORTEST_INTERVAL_MS = 250;
const SMALLEST_STEP = 0.0025;

/** What was published last, and when (monotonic ms). */
export interface Published {
  readonly progress: AttemptProgress;
  readonly atMs: number;
}

/** Whether viewers should hear of this. A new phase always; there are four. */
export function isWorthPublishing(progress: AttemptProgress, last: Published | undefined, nowMs: number): boolean {
  if (last === undefined || last.progress.phase !== progress.phase) return true;
  return nowMs - last.atMs >= SHORTEST_INTERVAL_MS && progress.fraction - last.progress.fraction >= SMALLEST_STEP;
}

/** The graph's own node that a node belongs to: 2 expands into nodes like `2.0.0.3`; `12:3`, of a subgraph, is the graph's own. */
export function ownNode(id: string): string {
  return id.split('.', 1)[0] ?? id;
}

/** A node that expands is done when it says so itself; how many parts it is going to have, nobody knows. */
const MOST_OF_PARTS = 0.9;

/** How far the graph's own nodes are by the states of all nodes: of one that expanded, as far as its parts are on the average. */
export function ownShares(
  states: Iterable<readonly [id: string, share: number]>,
): readonly { readonly node: string; readonly share: number }[] {
  const own: { node: string; share: number }[] = [];
  const parts = new Map<string, number[]>();
  for (const [id, share] of states) {
    const node = ownNode(id);
    if (node === id) own.push({ node, share });
    else parts.set(node, [...(parts.get(node) ?? []), Math.min(Math.max(share, 0), 1)]);
  }
  for (const [node, shares] of parts)
    own.push({ node, share: (MOST_OF_PARTS * shares.reduce((sum, share) => sum + share, 0)) / shares.length });
  return own;
}

/** What viewers see as the node's name: the author's title, else its class. */
export function nodeTitle(graph: ApiGraph, node: string | null): string | null {
  const entry = node === null ? undefined : graph[node];
  return entry === undefined ? null : (entry._meta?.title ?? entry.class_type);
}

function withStep(progress: AttemptProgress, report: ProgressReport & { kind: 'step' }): AttemptProgress {
  // Nodes without steps of their own report 0 or 1 of 1: that is no step to show.
  if (report.steps <= 1) return progress;
  const steps = Math.round(report.steps);
  return {
    ...progress,
    node: report.node ?? progress.node,
    step: Math.min(Math.max(Math.round(report.step), 0), steps),
    steps,
  };
}

function withShares(
  progress: AttemptProgress,
  shares: readonly { readonly node: string; readonly share: number }[],
  weights: Readonly<Record<string, number>>,
): AttemptProgress {
  const done: Record<string, number> = { ...progress.done };
  for (const { node, share } of shares) {
    // Two passes over one sampler begin again at 0: what was reached stays.
    done[node] = Math.max(done[node] ?? 0, Math.min(Math.max(share, 0), 1));
  }
  const sum = Object.entries(weights).reduce((total, [node, weight]) => total + weight * (done[node] ?? 0), 0);
  return { ...progress, done, fraction: Math.max(progress.fraction, Math.min(sum, HIGHEST_WHILE_RUNNING)) };
}
