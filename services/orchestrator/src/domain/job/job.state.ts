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
  JobExecutedV2,
  JobAttemptFailedV2,
  JobFailedV1,
  JobGatedV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryScheduledV2,
  JobScoredV1,
  JobStartedV2,
  JobStatus,
} from '@anime/contracts';
import type { EventOf } from '@anime/event-store/pure';

/** Every event of the job aggregate, whoever writes it. */
export type JobEvent = EventOf<
  | typeof JobRequestedV3
  | typeof JobCancelRequestedV2
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
  readonly scorerBuild?: string;
  readonly organised?: true;
  readonly organiseFailure?: { readonly code: string; readonly message: string };
}

export interface Assignment {
  readonly attempt: number;
  readonly executorId: string;
  readonly promptId: string;
}

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
  readonly accepted?: { readonly maxAttempts: number; readonly vramGb: number };
  readonly assignment?: Assignment;
  /** Attempt whose cancellation was ordered. */
  readonly cancelOrdered?: number;
  /** Attempt that was given up because its executor is lost. */
  readonly lostAttempt?: number;
  /** The attempt that may be assigned next, from `notBefore` on. */
  readonly retry?: { readonly attempt: number; readonly notBefore: string };
  readonly gated?: { readonly attempt: number; readonly verdict: 'passed' | 'failed' };
  readonly end?: JobEnd;
  readonly facts: Readonly<Record<number, AttemptFacts>>;
}

export const NO_JOB: JobState = { cancelRequested: false, facts: {} };

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
  return facts?.failure === undefined ? 'assigned' : 'attempt-failed';
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

/** Why the current attempt failed; undefined when it has not. What its executor reports after it was lost is late. */
export function failureOf(job: JobState): AttemptFacts['failure'] {
  if (stageOf(job) !== 'attempt-failed' || job.assignment === undefined) return undefined;
  const { attempt } = job.assignment;
  return job.lostAttempt === attempt
    ? { class: 'executor-lost', message: 'the executor was lost: nothing was heard of it any more' }
    : job.facts[attempt]?.failure;
}

/** The attempt that an assignment now would have. */
export function nextAttempt(job: JobState): number {
  return job.retry?.attempt ?? 1;
}
