import type {
  EventData,
  FailureClass,
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCancelOrderedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobDeclinedV1,
  JobExecutedV2,
  JobAttemptFailedV2,
  JobFailedV1,
  JobGatedV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  JobScoredV1,
  JobStartedV2,
  JobStatus,
} from '@anime/contracts';
import type { EventOf } from '@anime/event-store/pure';
import { stranded, type Candidate, type DeclineReason, type GiveUp, type Trial, type Variant } from './next-try.js';

/** Every event of the job aggregate, whoever writes it. */
export type JobEvent = EventOf<
  | typeof JobRequestedV3
  | typeof JobCancelRequestedV2
  | typeof JobRetryRequestedV1
  | typeof JobAcceptedV3
  | typeof JobRejectedV1
  | typeof JobAssignedV2
  | typeof JobCancelOrderedV1
  | typeof JobAttemptLostV1
  | typeof JobRetryScheduledV2
  | typeof JobGatedV1
  | typeof JobCompletedV1
  | typeof JobFailedV1
  | typeof JobCancelledV1
  | typeof JobStartedV2
  | typeof JobDeclinedV1
  | typeof JobExecutedV2
  | typeof JobAttemptFailedV2
  | typeof JobScoredV1
  | typeof JobOrganisedV1
  | typeof JobOrganiseFailedV1
>;

/** What others reported about one attempt. The first fact of each kind counts. */
export interface AttemptFacts {
  readonly started?: true;
  readonly executedAt?: string;
  readonly failure?: { readonly class: FailureClass; readonly message: string };
  readonly declined?: { readonly reason: DeclineReason; readonly message: string; readonly position: number };
  readonly scorerBuild?: string;
  readonly organised?: true;
  readonly organiseFailure?: { readonly code: string; readonly message: string };
}

export interface Assignment {
  readonly attempt: number;
  readonly executorId: string;
  readonly promptId: string;
  readonly variant: Variant;
  readonly vramGb: number;
  readonly freeMemory: boolean;
}

/** How the next attempt is to be made. */
export interface Retry {
  readonly attempt: number;
  readonly notBefore: string;
  readonly variant: Variant;
  readonly vramGb: number;
  /** What its GPU must have in all, in bytes; 0 when any will do that has `vramGb`. */
  readonly gpuBytes: number;
  readonly freeMemory: boolean;
  /** Executors that get it only when there is no other. */
  readonly avoid: readonly string[];
}

/** An attempt that ended without outputs, as it was decided; why it was declined stands among its facts. */
export type EarlierAttempt = Pick<Trial, 'attempt' | 'executorId' | 'variant' | 'class'>;

export type JobEnd = 'completed' | 'failed' | 'cancelled' | 'rejected';

/**
 * A job as the orchestrator sees it. Three parts that never touch each other: what was asked (`requested`,
 * `cancelRequested`), what was decided (`accepted` … `end`) and what was reported (`facts`). A fact and a decision that
 * did not see each other therefore give the same state in either order (architecture §3), and where a job stands is
 * always computed (`stageOf`), never stored.
 */
export interface JobState {
  readonly requested?: EventData<typeof JobRequestedV3> & { readonly at: string };
  readonly cancelRequested: boolean;
  readonly accepted?: {
    readonly maxAttempts: number;
    /** GPU memory that each variant needs, in GB. */
    readonly vramGb: Readonly<Partial<Record<Variant, number>>>;
  };
  readonly assignment?: Assignment;
  /** Attempt whose cancellation was ordered. */
  readonly cancelOrdered?: number;
  /** Attempt that was given up because its executor is lost. */
  readonly lostAttempt?: number;
  /** The attempt that may be assigned next, from `notBefore` on. */
  readonly retry?: Retry;
  /** Ended attempts since it was requested, or since somebody last wanted it to be tried again. */
  readonly earlier: readonly EarlierAttempt[];
  readonly gated?: { readonly attempt: number; readonly verdict: 'passed' | 'failed' };
  readonly end?: JobEnd;
  readonly facts: Readonly<Record<number, AttemptFacts>>;
}

export const NO_JOB: JobState = { cancelRequested: false, earlier: [], facts: {} };

/** Where a job stands. */
export type Stage = 'absent' | 'requested' | 'queued' | 'assigned' | 'attempt-failed' | 'executed' | 'ended';

/** Where the job stands, from decisions and the facts of its current attempt. */
export function stageOf(job: JobState): Stage {
  if (job.end !== undefined) return 'ended';
  if (job.accepted === undefined) return job.requested === undefined ? 'absent' : 'requested';
  const attempt = job.assignment?.attempt;
  if (attempt === undefined || (job.retry?.attempt ?? 0) > attempt) return 'queued';
  if (job.lostAttempt === attempt) return 'attempt-failed';
  const facts = job.facts[attempt];
  if (facts?.executedAt !== undefined) return 'executed';
  return facts?.failure === undefined && facts?.declined === undefined ? 'assigned' : 'attempt-failed';
}

/** Where an open job stands in the words that the API has: an attempt that failed runs until it is settled. */
export function statusOf(job: JobState): JobStatus | undefined {
  switch (stageOf(job)) {
    case 'absent':
      return undefined;
    case 'ended':
      return job.end;
    case 'attempt-failed':
      return 'running';
    case 'assigned':
      return job.facts[job.assignment?.attempt ?? 0]?.started === true ? 'running' : 'assigned';
    case 'requested':
      return 'requested';
    case 'queued':
      return 'queued';
    case 'executed':
      return 'executed';
  }
}

/** How the current attempt ended without outputs; undefined when it has not. What its executor reports after it was lost is late. */
function endedTrial(job: JobState): Trial | undefined {
  if (stageOf(job) !== 'attempt-failed' || job.assignment === undefined) return undefined;
  const { attempt, executorId, variant } = job.assignment;
  const trial = { attempt, executorId, variant, declined: null, started: job.facts[attempt]?.started === true };
  if (job.lostAttempt === attempt)
    return {
      ...trial,
      class: 'executor-lost',
      message: 'the executor was lost: nothing was heard of it, or of its ComfyUI, any more',
    };
  const { failure, declined } = job.facts[attempt] ?? {};
  if (failure !== undefined) return { ...trial, ...failure };
  return declined && { ...trial, class: 'declined', declined, message: declined.message };
}

/** The attempts that ended without outputs, in order, since it was requested or was last wanted to be tried again. */
export function trialsOf(job: JobState): readonly Trial[] {
  const earlier = job.earlier.map((trial): Trial => {
    const { failure, declined, started = false } = job.facts[trial.attempt] ?? {};
    const isDeclined = trial.class === 'declined';
    const message = (isDeclined ? declined : failure)?.message ?? '';
    return { ...trial, started, message, declined: isDeclined ? (declined ?? null) : null };
  });
  const last = endedTrial(job);
  return last === undefined ? earlier : [...earlier, last];
}

/** How an assignment now would be made, as far as it was decided. */
export function nextAssignment(job: JobState): Omit<Retry, 'notBefore'> {
  const first = { attempt: 1, variant: 'normal', vramGb: job.accepted?.vramGb.normal ?? 0 } as const;
  return { avoid: [], gpuBytes: 0, freeMemory: false, ...first, ...job.retry };
}

/**
 * Why a job that waits is to wait no longer; undefined while it is.
 * @param candidates every registered executor
 * @param now ISO instant
 */
export function strandedBy(job: JobState, candidates: readonly Candidate[], now: string): GiveUp | undefined {
  if (stageOf(job) !== 'queued' || job.accepted === undefined || job.earlier.length === 0) return undefined;
  const { maxAttempts, vramGb } = job.accepted;
  const planned = { ...nextAssignment(job), maxAttempts, lowMemoryVramGb: vramGb['low-memory'] ?? null };
  return stranded(trialsOf(job), planned, candidates, now);
}
