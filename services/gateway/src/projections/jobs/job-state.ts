import { ENDED_STATUSES, type EventData, type JobRequestedV3, type JobStatus } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store';
import type { JobAttemptRow, JobRow } from './rows.js';

/** The job as its request made it. */
export function requestedJob(event: RecordedEvent, data: EventData<typeof JobRequestedV3>): JobRow {
  return {
    id: event.aggregateId,
    type: data.type,
    status: 'requested',
    template_id: data.template.id,
    template_version: data.template.version,
    seed: data.seed,
    project: data.project?.id ?? null,
    actor: event.actor,
    requested_at: event.time,
    accepted_at: null,
    accepted_position: null,
    started_at: null,
    ended_at: null,
    attempt: 0,
    max_attempts: null,
    executor_id: null,
    not_before: null,
    retry: null,
    failure_class: null,
    failure_message: null,
    verdict: null,
    cancel_requested: false,
  };
}

/** True when nothing more happens to the job by itself. */
export function hasEnded(job: JobRow): boolean {
  return ENDED_STATUSES.includes(job.status);
}

/**
 * What the decisions alone say of the job. `running` and `executed` are not decisions but what became known of an
 * assigned attempt: kept apart, so that it does not matter whether the fact or a decision was stored first.
 */
export function decidedStatus(job: JobRow): JobStatus {
  return job.status === 'running' || job.status === 'executed' ? 'assigned' : job.status;
}

/** The job with what its current attempt's row tells; the same whichever of the two was written last. */
export function withAttempt(job: JobRow, attempt: JobAttemptRow | undefined): JobRow {
  return { ...job, started_at: attempt?.started_at ?? null, status: statusWith(decidedStatus(job), attempt) };
}

function statusWith(decided: JobStatus, attempt: JobAttemptRow | undefined): JobStatus {
  if (decided !== 'assigned' || attempt === undefined || attempt.lost_at !== null) return decided;
  if (attempt.executed_at !== null) return 'executed';
  return attempt.started_at !== null ? 'running' : 'assigned';
}

/** The job after somebody wanted it to be tried again: only one that has failed waits anew, and an older wish to cancel it is over. */
export function reopenedJob(job: JobRow): JobRow {
  if (job.status !== 'failed') return job;
  return {
    ...job,
    status: job.accepted_at === null ? 'requested' : 'queued',
    ended_at: null,
    failure_class: null,
    failure_message: null,
    executor_id: null,
    verdict: null,
    cancel_requested: false,
  };
}

/** The job after a decision that ends it. */
export function endedJob(
  job: JobRow,
  status: 'completed' | 'failed' | 'cancelled' | 'rejected',
  time: string,
  rest: Partial<JobRow> = {},
): JobRow {
  return { ...job, ...rest, status, ended_at: time, not_before: null, retry: null };
}
