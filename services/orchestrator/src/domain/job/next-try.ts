import type { EventData, FailureClass, JobDeclinedV1 } from '@anime/contracts';
import { fits, isAble, isGone, isUsable, type ExecutorState } from '../executor/executor.js';
import { bytesOf, gbOf } from '../memory/bytes.js';

export type Variant = 'normal' | 'low-memory';
export type DeclineReason = EventData<typeof JobDeclinedV1>['reason'];

/** An attempt that ended without outputs. */
export interface Trial {
  readonly attempt: number;
  readonly executorId: string;
  readonly variant: Variant;
  readonly class: FailureClass | 'declined';
  /** Whether its executor had begun it. */
  readonly started: boolean;
  /** Why it was declined, and the position in the log at which that was said; null when it was begun. */
  readonly declined: { readonly reason: DeclineReason; readonly position: number } | null;
  readonly message: string;
}

/** What the attempt that ended last was, and how it may be tried otherwise. */
export interface TriedWith {
  readonly variant: Variant;
  readonly vramGb: number;
  /** What its GPU had to have in all, in bytes. */
  readonly gpuBytes: number;
  /** Whether the memory was freed before. */
  readonly freeMemory: boolean;
  /** What the template's variant for less memory needs, in GB; null when there is none. */
  readonly lowMemoryVramGb: number | null;
  readonly maxAttempts: number;
}

/** An executor as far as trying again goes. */
export type Candidate = Omit<ExecutorState, 'lastPosition'>;

export type NextTry =
  | {
      readonly kind: 'retry';
      /** Which delay: the n-th in a row. */
      readonly patience: number;
      readonly variant: Variant;
      readonly vramGb: number;
      /** What its GPU must have in all, in bytes; 0 when any will do that has `vramGb`. */
      readonly gpuBytes: number;
      readonly freeMemory: boolean;
      readonly avoid: readonly string[];
    }
  | GiveUp;

export interface GiveUp {
  readonly kind: 'give-up';
  readonly class: FailureClass;
  readonly message: string;
}

/** So often a job may be lost while it runs, on distinct executors as far as there are that many, until it is taken for the cause. */
const POISON_LOSSES = 3;
/** So often at most, whoever could still be asked. */
const MOST_LOSSES = 6;
/** So often an executor may be lost before it has begun the job, which cannot be the cause. */
const MOST_UNBEGUN_LOSSES = 10;

/** So often each executor may decline a job for now: where others hold its memory, some four hours. */
const MOST_DECLINES = 50;

/** A machine that declined for one of these declines again, until something is installed there. */
const LASTING_DECLINES: Readonly<Partial<Record<DeclineReason, FailureClass>>> = {
  'missing-node': 'missing-node',
  'missing-model': 'missing-model',
  'too-little-memory': 'oom',
};

/** The executors that said that they cannot run this variant, and where nothing was installed since. */
export function refusals(
  trials: readonly Trial[],
  variant: Variant,
  candidates: readonly Pick<Candidate, 'executorId' | 'equippedAt'>[],
): ReadonlySet<string> {
  const saidAt = new Map<string, number>();
  for (const { executorId, variant: asked, declined } of trials) {
    if (declined === null || LASTING_DECLINES[declined.reason] === undefined) continue;
    // Another variant may need less memory; nodes and models are a matter of both.
    if (asked === variant || declined.reason !== 'too-little-memory') saidAt.set(executorId, declined.position);
  }
  for (const { executorId, equippedAt } of candidates)
    if (equippedAt >= (saidAt.get(executorId) ?? Infinity)) saidAt.delete(executorId);
  return new Set(saidAt.keys());
}

/**
 * What follows when an attempt ended without outputs (architecture §6). Pure: one answer for one history.
 * @param trials the ended attempts since the job was asked for, or was last asked to be tried again, in order; not empty
 * @param candidates every registered executor
 * @param now ISO instant
 */
export function nextTry(
  trials: readonly Trial[],
  tried: TriedWith,
  candidates: readonly Candidate[],
  now: string,
): NextTry {
  const last = trials.at(-1);
  if (last === undefined) throw new Error('nothing has ended yet');
  switch (last.class) {
    case 'declined':
      return afterDecline(last, trials, tried, candidates, now);
    case 'executor-lost':
      return afterLoss(last, trials, tried, candidates);
    case 'oom':
      return afterOutOfMemory(last, trials, tried, candidates, now);
    case 'transient':
    case 'timeout':
    case 'gpu-fault':
      return bounded(trials, tried, last, () => elsewhere(trials, tried, candidates));
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

function elsewhere(trials: readonly Trial[], tried: TriedWith, candidates: readonly Candidate[]): NextTry {
  return retry(tried, { patience: failures(trials), avoid: avoided(trials, tried, candidates) });
}

/**
 * The executors on which it failed or was lost, or which have no memory for it now. When there are no others only those that were
 * lost, at last only those that were lost while they ran it: one that failed otherwise may tell whether the job is the cause.
 */
function avoided(trials: readonly Trial[], tried: TriedWith, candidates: readonly Candidate[]): readonly string[] {
  const present = takers(trials, tried, candidates).filter(isUsable);
  const lost = trials.filter((trial) => trial.class === 'executor-lost');
  const lists = [trials, lost, lostRuns(trials)].map((each) => [...new Set(each.map(({ executorId }) => executorId))]);
  return lists.find((list) => present.some(({ executorId }) => !list.includes(executorId))) ?? lists[0] ?? [];
}

/** The attempts that were lost while they ran. */
function lostRuns(trials: readonly Trial[]): readonly Trial[] {
  return trials.filter((trial) => trial.class === 'executor-lost' && trial.started);
}

/** The executors that could run what was tried, as far as they have told. */
function takers(
  trials: readonly Trial[],
  { variant, vramGb, gpuBytes }: Pick<TriedWith, 'variant' | 'vramGb' | 'gpuBytes'>,
  candidates: readonly Candidate[],
): readonly Candidate[] {
  const refused = refusals(trials, variant, candidates);
  const bytes = Math.max(gpuBytes, bytesOf(vramGb));
  return candidates.filter((candidate) => !refused.has(candidate.executorId) && fits(candidate, bytes));
}

/** The variant for less memory, where the template has one and it was not that which was tried; null when not. */
function lowMemory({
  variant,
  lowMemoryVramGb,
}: Pick<TriedWith, 'variant' | 'lowMemoryVramGb'>): Pick<TriedWith, 'variant' | 'vramGb' | 'gpuBytes'> | null {
  if (variant !== 'normal' || lowMemoryVramGb === null) return null;
  return { variant: 'low-memory', vramGb: lowMemoryVramGb, gpuBytes: 0 };
}

function afterLoss(last: Trial, trials: readonly Trial[], tried: TriedWith, candidates: readonly Candidate[]): NextTry {
  const losses = trials.filter((trial) => trial.class === 'executor-lost');
  const again = retry(tried, { patience: losses.length, avoid: avoided(trials, tried, candidates) });
  if (!last.started) {
    const unbegun = losses.filter(({ started }) => !started);
    if (unbegun.length < MOST_UNBEGUN_LOSSES) return again;
    return giveUp(last, `${lostTimes(unbegun, 'before it had begun')}; it was never run to its end`);
  }
  const runs = lostRuns(trials);
  const lostOn = new Set(runs.map(({ executorId }) => executorId));
  const others = takers(trials, tried, candidates).filter(isUsable);
  const there = new Set([...lostOn, ...others.map(({ executorId }) => executorId)]);
  const isClear = runs.length >= POISON_LOSSES && lostOn.size >= Math.min(POISON_LOSSES, there.size);
  if (!isClear && runs.length < MOST_LOSSES) return again;
  return giveUp(last, `${lostTimes(runs, 'while it ran')}: it may be the cause`);
}

function lostTimes(losses: readonly Trial[], when: string): string {
  const on = new Set(losses.map(({ executorId }) => executorId)).size;
  return `${losses.length} times its executor was lost ${when} (${on} of them)`;
}

/**
 * Memory is freed first; then a bigger GPU, then the variant that needs less, then a bigger GPU that is away. The last attempt is
 * the one that is most likely to work: that variant, else the biggest GPU.
 */
function afterOutOfMemory(
  last: Trial,
  trials: readonly Trial[],
  tried: TriedWith,
  candidates: readonly Candidate[],
  now: string,
): NextTry {
  const { had, biggest, away } = biggerGpus(last, trials, tried, candidates);
  const low = lowMemory(tried);
  const patience = failures(trials);
  const left = tried.maxAttempts - patience;
  const help = (): NextTry => giveUp(last, withHelp(last, trials, tried, candidates));
  if (left <= 0) return help();
  const otherwise = biggest > 0 || low !== null;
  if (!tried.freeMemory && (left > 1 || !otherwise)) return retry(tried, { patience, freeMemory: true });
  if (low !== null && (left === 1 || biggest === 0)) return retry(tried, { patience, freeMemory: true, ...low });
  if (had !== null && (biggest > 0 || away.some((candidate) => !isGone(candidate, now))))
    return retry(tried, { patience, freeMemory: true, gpuBytes: left === 1 && biggest > 0 ? biggest : had + 1 });
  return help();
}

/** What its GPU has and what the biggest of the bigger ones that could run it has, in bytes (0: there is none), and those that are away. */
function biggerGpus(
  { executorId: on }: Trial,
  trials: readonly Trial[],
  { variant }: Pick<TriedWith, 'variant'>,
  candidates: readonly Candidate[],
): { readonly had: number | null; readonly biggest: number; readonly away: readonly Candidate[] } {
  const had = candidates.find(({ executorId }) => executorId === on)?.vramBytes ?? null;
  const refused = refusals(trials, variant, candidates);
  const bigger = candidates.filter(
    ({ executorId, vramBytes }) => !refused.has(executorId) && had !== null && (vramBytes ?? 0) > had,
  );
  const biggest = Math.max(0, ...bigger.filter(isAble).map(({ vramBytes }) => vramBytes ?? 0));
  return { had, biggest, away: bigger.filter((candidate) => !isAble(candidate)) };
}

/** The message of a job that ran out of memory for the last time, with what would help. */
function withHelp(
  last: Trial,
  trials: readonly Trial[],
  tried: Omit<TriedWith, 'vramGb' | 'gpuBytes'>,
  candidates: readonly Candidate[],
): string {
  const { had, biggest, away } = biggerGpus(last, trials, tried, candidates);
  const untried = [
    ...(tried.freeMemory ? [] : ['with the memory freed before']),
    ...(biggest > 0 ? [`on a bigger GPU (${gb(biggest)})`] : []),
    ...(lowMemory(tried) === null ? [] : ['in the variant for less memory']),
  ];
  const isNone = biggest === 0 && away.length === 0;
  const help = [
    ...(untried.length === 0
      ? []
      : [`more attempts than ${tried.maxAttempts}: it was not tried ${untried.join(', nor ')}`]),
    ...away.map((candidate) => `${awayOne(candidate)}, back at work`),
    ...(isNone ? [had === null ? 'a bigger GPU (how large this one is was not told)' : moreThan(had)] : []),
    ...(tried.lowMemoryVramGb === null ? ['a variant of its template that needs less'] : []),
    'a smaller size, or less at a time',
  ];
  return `${last.message}. What would help: ${help.join('; ')}`;
}

function awayOne({ name, vramBytes, lostAt }: Candidate): string {
  const size = vramBytes === null ? '' : ` (${gb(vramBytes)})`;
  return `${name}${size}, which is ${lostAt === null ? 'drained' : 'lost'}`;
}

function moreThan(bytes: number): string {
  return `a GPU with more than ${gb(bytes)}, which none here is known to have`;
}

function gb(bytes: number): string {
  return `${gbOf(bytes).toFixed(1)} GB`;
}

/**
 * Declined for now: later. Declined for good: by somebody else who is able, else in the variant for less memory, else when
 * somebody who could run it is mended or back, else not at all.
 */
function afterDecline(
  last: Trial,
  trials: readonly Trial[],
  tried: TriedWith,
  candidates: readonly Candidate[],
  now: string,
): NextTry {
  const lasting = lastingClass(last);
  if (lasting !== undefined) {
    const others = takers(trials, tried, candidates).filter((candidate) => !isGone(candidate, now));
    const low = lowMemory(tried);
    if (!others.some(isAble) && low !== null && takers(trials, low, candidates).some(isAble))
      return retry(tried, { patience: 1, ...low });
    if (others.length === 0) return giveUp({ ...last, class: lasting });
  }
  const declines = trials.filter((trial) => trial.class === 'declined');
  const passing = declines.filter((trial) => lastingClass(trial) === undefined);
  const on = new Set(passing.map(({ executorId }) => executorId)).size;
  if (lasting === undefined && passing.length >= MOST_DECLINES * on) {
    const failed = last.declined?.reason === 'no-memory' ? 'oom' : 'transient';
    return giveUp(
      { ...last, class: failed },
      `${last.message}. It was declined ${passing.length} times, by ${on} of them`,
    );
  }
  return retry(tried, { patience: declines.length, avoid: avoided(trials, tried, candidates) });
}

/** What a job fails as that was declined like this by everybody; undefined when that may pass. */
function lastingClass({ declined }: Trial): FailureClass | undefined {
  return declined === null ? undefined : LASTING_DECLINES[declined.reason];
}

/**
 * Why a job that waits for its next attempt is to wait no longer: whoever is there cannot run it, and those who could are lost
 * for too long. While nobody at all is there it goes on waiting.
 * @param planned the next attempt as it was decided
 * @param now ISO instant
 * @returns undefined while it is to wait
 */
export function stranded(
  trials: readonly Trial[],
  planned: TriedWith,
  candidates: readonly Candidate[],
  now: string,
): GiveUp | undefined {
  const why = trials.findLast((trial) => lastingClass(trial) !== undefined || trial.class === 'oom');
  const isWaitingForMore = planned.gpuBytes > 0;
  if (why === undefined || (why.class === 'oom' && !isWaitingForMore)) return undefined;
  const isHere = (candidate: Candidate): boolean => !isGone(candidate, now);
  const low = lowMemory(planned);
  const able = takers(trials, planned, candidates);
  const others = low === null ? [] : takers(trials, low, candidates);
  if ([...able, ...others].some(isHere) || !candidates.some(isHere)) return undefined;
  if (why.class === 'oom') return giveUp(why, withHelp(why, trials, planned, candidates));
  const waitedFor = able.length === 0 ? '' : `. It waited for ${able.map(awayOne).join(', and for ')}`;
  return giveUp({ ...why, class: lastingClass(why) ?? 'internal' }, `${why.message}${waitedFor}`);
}

function retry(
  tried: TriedWith,
  how: {
    readonly patience: number;
    readonly variant?: Variant;
    readonly vramGb?: number;
    readonly gpuBytes?: number;
    readonly freeMemory?: boolean;
    readonly avoid?: readonly string[];
  },
): NextTry {
  const { variant, vramGb, gpuBytes, freeMemory } = tried;
  return { kind: 'retry', variant, vramGb, gpuBytes, freeMemory, avoid: [], ...how };
}

function giveUp(last: Trial, message = last.message): GiveUp {
  return { kind: 'give-up', class: last.class === 'declined' ? 'internal' : last.class, message };
}
