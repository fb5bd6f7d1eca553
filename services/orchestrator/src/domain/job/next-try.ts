import type { EventData, FailureClass, JobDeclinedV1 } from '@anime/contracts';

export type Variant = 'normal' | 'low-memory';
export type DeclineReason = EventData<typeof JobDeclinedV1>['reason'];

/** An attempt that ended without outputs. */
export interface Trial {
  readonly attempt: number;
  readonly executorId: string;
  readonly variant: Variant;
  readonly class: FailureClass | 'declined';
  /** Why it was declined; null when it was begun. */
  readonly declined: DeclineReason | null;
  readonly message: string;
}

/** What the attempt that ended last was, and how it may be tried otherwise. */
export interface TriedWith {
  readonly variant: Variant;
  readonly vramGb: number;
  /** Whether the memory was freed before. */
  readonly freeMemory: boolean;
  /** What the template's variant for less memory needs, in GB; null when there is none. */
  readonly lowMemoryVramGb: number | null;
  readonly maxAttempts: number;
}

/** An executor as far as trying again goes. */
export interface Candidate {
  readonly executorId: string;
  /** Memory of its largest GPU; null when it did not tell. */
  readonly vramBytes: number | null;
  /** Nothing was heard of it for too long. */
  readonly lost: boolean;
}

export type NextTry =
  | {
      readonly kind: 'retry';
      /** Which delay: the n-th in a row. */
      readonly patience: number;
      readonly variant: Variant;
      readonly vramGb: number;
      readonly freeMemory: boolean;
      readonly avoid: readonly string[];
    }
  | { readonly kind: 'give-up'; readonly class: FailureClass; readonly message: string };

/** So often a job may be lost, on distinct executors as far as there are that many, until it is taken for the cause. */
const POISON_LOSSES = 3;
const GB = 1e9;

/** A machine that declined for one of these declines again, until something is installed there. */
const LASTING_DECLINES: Readonly<Partial<Record<DeclineReason, FailureClass>>> = {
  'missing-node': 'missing-node',
  'missing-model': 'missing-model',
  'too-little-memory': 'oom',
};

/** The executors that cannot run this variant as they are, and the attempt at which each said so. */
export function refusals(trials: readonly Trial[], variant: Variant): ReadonlyMap<string, number> {
  const lasting = trials.filter(
    ({ declined, variant: asked }) =>
      declined !== null &&
      LASTING_DECLINES[declined] !== undefined &&
      // Another variant may need less memory; nodes and models are a matter of both.
      (asked === variant || declined !== 'too-little-memory'),
  );
  return new Map(lasting.map(({ executorId, attempt }) => [executorId, attempt]));
}

/**
 * What follows when an attempt ended without outputs (architecture §6). Pure: one answer for one history.
 * @param trials the ended attempts since the job was asked for, or was last asked to be tried again, in order; not empty
 * @param candidates every registered executor
 */
export function nextTry(trials: readonly Trial[], tried: TriedWith, candidates: readonly Candidate[]): NextTry {
  const last = trials.at(-1);
  if (last === undefined) throw new Error('nothing has ended yet');
  switch (last.class) {
    case 'declined':
      return afterDecline(last, trials, tried, candidates);
    case 'executor-lost':
      return afterLoss(last, trials, tried, candidates);
    case 'oom':
      return bounded(trials, tried, last, () => afterOutOfMemory(last, trials, tried, candidates));
    case 'transient':
    case 'timeout':
    case 'gpu-fault':
      return bounded(trials, tried, last, () => elsewhere(trials, tried));
    case 'invalid':
    case 'missing-model':
    case 'missing-node':
    case 'internal':
    case 'cancelled':
      return giveUp(last);
  }
}

/** Attempts that were begun and did not work; those that were lost with their executor are the poison guard's. */
function failures(trials: readonly Trial[]): number {
  return trials.filter((trial) => trial.class !== 'declined' && trial.class !== 'executor-lost').length;
}

function bounded(trials: readonly Trial[], tried: TriedWith, last: Trial, otherwise: () => NextTry): NextTry {
  return failures(trials) >= tried.maxAttempts ? giveUp(last) : otherwise();
}

function elsewhere(trials: readonly Trial[], tried: TriedWith): NextTry {
  return retry(tried, { patience: failures(trials), avoid: failedOn(trials) });
}

/** Executors on which it failed or was lost, or which have no memory for it now. */
function failedOn(trials: readonly Trial[]): string[] {
  return [...new Set(trials.map(({ executorId }) => executorId))];
}

function afterLoss(last: Trial, trials: readonly Trial[], tried: TriedWith, candidates: readonly Candidate[]): NextTry {
  const losses = trials.filter((trial) => trial.class === 'executor-lost');
  const lostOn = new Set(losses.map(({ executorId }) => executorId));
  const there = new Set([...lostOn, ...candidates.filter(({ lost }) => !lost).map(({ executorId }) => executorId)]);
  if (losses.length < POISON_LOSSES || lostOn.size < Math.min(POISON_LOSSES, there.size))
    return retry(tried, { patience: losses.length, avoid: failedOn(trials) });
  return giveUp(
    last,
    `${losses.length} times its executor was lost while it ran (${lostOn.size} of them): it may be the cause`,
  );
}

/** Memory is freed first; then a bigger GPU, then the variant that needs less. */
function afterOutOfMemory(
  last: Trial,
  trials: readonly Trial[],
  tried: TriedWith,
  candidates: readonly Candidate[],
): NextTry {
  const patience = failures(trials);
  if (!tried.freeMemory) return retry(tried, { patience, freeMemory: true });
  const had = candidates.find(({ executorId }) => executorId === last.executorId)?.vramBytes ?? null;
  const bigger = had === null ? [] : candidates.filter(({ vramBytes, lost }) => !lost && (vramBytes ?? 0) > had);
  if (had !== null && bigger.length > 0) {
    const biggest = Math.min(...bigger.map(({ vramBytes }) => vramBytes ?? Infinity));
    return retry(tried, { patience, freeMemory: true, vramGb: biggest / GB });
  }
  if (tried.variant === 'normal' && tried.lowMemoryVramGb !== null)
    return retry(tried, { patience, freeMemory: true, variant: 'low-memory', vramGb: tried.lowMemoryVramGb });
  return giveUp(
    last,
    `${last.message}. Its memory had been freed, no GPU here has more, and its template has no variant that needs less`,
  );
}

function afterDecline(
  last: Trial,
  trials: readonly Trial[],
  tried: TriedWith,
  candidates: readonly Candidate[],
): NextTry {
  const refused = refusals(trials, tried.variant);
  const others = candidates.filter(({ executorId, lost }) => !lost && !refused.has(executorId));
  const lasting = last.declined === null ? undefined : LASTING_DECLINES[last.declined];
  if (lasting !== undefined && others.length === 0) {
    if (lasting === 'oom' && tried.variant === 'normal' && tried.lowMemoryVramGb !== null)
      return retry(tried, { patience: 1, variant: 'low-memory', vramGb: tried.lowMemoryVramGb });
    return giveUp({ ...last, class: lasting });
  }
  const declines = trials.filter((trial) => trial.class === 'declined').length;
  return retry(tried, { patience: declines, avoid: failedOn(trials) });
}

function retry(
  tried: TriedWith,
  how: {
    readonly patience: number;
    readonly variant?: Variant;
    readonly vramGb?: number;
    readonly freeMemory?: boolean;
    readonly avoid?: readonly string[];
  },
): NextTry {
  const { variant, vramGb, freeMemory } = tried;
  return { kind: 'retry', variant, vramGb, freeMemory, avoid: [], ...how };
}

function giveUp(last: Trial, message = last.message): NextTry {
  return { kind: 'give-up', class: last.class === 'declined' ? 'internal' : last.class, message };
}
