import {
  ENDED_STATUSES,
  JobAcceptedV3,
  JobAssignedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCompletedV1,
  JobExecutedV2,
  JobFailedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  JobStartedV2,
  type EventContract,
  type JobStatus,
  type ViewedJob,
} from '@anime/contracts';
import type { EventOf, RecordedEvent } from '@anime/event-store/pure';

const SHOWN_CONTRACTS = [
  JobRequestedV3,
  JobAcceptedV3,
  JobRejectedV1,
  JobAssignedV2,
  JobAttemptLostV1,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  JobStartedV2,
  JobExecutedV2,
  JobCompletedV1,
  JobFailedV1,
  JobCancelledV1,
] as const;

/** The events that a job's status is made of. */
export const SHOWN_EVENTS: readonly EventContract[] = SHOWN_CONTRACTS;
export type ShownEvent = EventOf<(typeof SHOWN_CONTRACTS)[number]>;

const SHOWN_TYPES: ReadonlySet<string> = new Set(SHOWN_EVENTS.map((contract) => contract.type));

/** True for the events that `evolveView` folds. */
export function isShown(event: RecordedEvent): event is ShownEvent & RecordedEvent {
  return SHOWN_TYPES.has(event.type);
}

/**
 * A job as its viewers see it. What was decided and what was reported of each attempt are kept apart, so that a fact and
 * a decision that did not see each other lead to the same status in either order.
 */
export interface JobView {
  readonly decided: Exclude<JobStatus, 'running' | 'executed'> | undefined;
  /** The attempt that was last assigned or scheduled; 0 before the first. */
  readonly attempt: number;
  readonly reported: Readonly<Record<number, 'running' | 'executed'>>;
  /** The last attempt that was given up: what is reported of it is not shown, nor its progress. */
  readonly lostAttempt: number;
  /** Position of the last event that was folded; an older one changes nothing. */
  readonly position: number;
  /** What viewers are shown; null before the job's first event. */
  readonly shown: ViewedJob | null;
}

export const NO_VIEW: JobView = {
  decided: undefined,
  attempt: 0,
  reported: {},
  lostAttempt: 0,
  position: 0,
  shown: null,
};

/** True when nothing more happens to the job by itself. */
export function hasEnded(view: JobView): boolean {
  return view.decided !== undefined && ENDED_STATUSES.includes(view.decided);
}

/** Whether progress of this attempt is shown: an executor that was cut off still tells of one that the job is past. */
export function showsProgress({ attempt: current, lostAttempt }: JobView, attempt: number): boolean {
  return attempt > lostAttempt && attempt >= current;
}

/** Folds one event in the order of the log; total, so that a repeat and a fact of another attempt change nothing. */
export function evolveView(view: JobView, event: ShownEvent): JobView {
  if (event.position <= view.position) return view;
  const next = { ...withEvent(view, event), position: event.position };
  const status = statusOf(next);
  if (status === undefined) return next;
  const { attempt, shown } = next;
  if (shown !== null && shown.status === status && shown.attempt === attempt) return next;
  return { ...next, shown: { jobId: event.aggregateId, status, attempt, position: event.position, at: event.time } };
}

/** `running` and `executed` say how far the current attempt of an assigned job is. */
function statusOf({ decided, attempt, reported, lostAttempt }: JobView): JobStatus | undefined {
  return decided === 'assigned' && attempt !== lostAttempt ? (reported[attempt] ?? 'assigned') : decided;
}

function withEvent(view: JobView, event: ShownEvent): JobView {
  switch (event.type) {
    case 'job.started':
      return withReport(view, event.data.attempt, 'running');
    case 'job.executed':
      return withReport(view, event.data.attempt, 'executed');
    case 'job.retry-requested':
      // It has its next attempt before that is assigned: what is still reported of the one before is late.
      return view.decided === 'failed' ? { ...view, decided: 'queued', attempt: view.attempt + 1 } : view;
    default:
      // The first end stays: there is one per request.
      return hasEnded(view) ? view : withDecision(view, event);
  }
}

function withReport(view: JobView, attempt: number, report: 'running' | 'executed'): JobView {
  if (view.reported[attempt] === 'executed') return view;
  return { ...view, reported: { ...view.reported, [attempt]: report } };
}

function withDecision(
  view: JobView,
  event: Exclude<ShownEvent, { readonly type: 'job.started' | 'job.executed' | 'job.retry-requested' }>,
): JobView {
  switch (event.type) {
    case 'job.requested':
      return view.decided === undefined ? { ...view, decided: 'requested' } : view;
    case 'job.accepted':
      return view.decided === undefined || view.decided === 'requested' ? { ...view, decided: 'queued' } : view;
    case 'job.assigned':
      return event.data.attempt < view.attempt ? view : { ...view, decided: 'assigned', attempt: event.data.attempt };
    case 'job.attempt-lost':
      return { ...view, lostAttempt: event.data.attempt };
    case 'job.retry-scheduled':
      return event.data.attempt <= view.attempt ? view : { ...view, decided: 'queued', attempt: event.data.attempt };
    case 'job.rejected':
      return { ...view, decided: 'rejected' };
    case 'job.completed':
      return { ...view, decided: 'completed' };
    case 'job.failed':
      return { ...view, decided: 'failed' };
    case 'job.cancelled':
      return { ...view, decided: 'cancelled' };
  }
}
