import {
  ExecutorDrainedV1,
  ExecutorEnvironmentChangedV1,
  ExecutorLostV1,
  ExecutorPausedV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  ExecutorResumedV1,
  JobAcceptedV3,
  JobAssignedV2,
  JobCancelledV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobFailedV1,
  JobGatedV1,
  JobRejectedV1,
  JobRequestedV3,
  JobRetryRequestedV1,
  JobRetryScheduledV2,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import type { Projection, RowChange, RowRef, Rows } from '@anime/projections';
import { attemptOf, unknownAttempt, withEvent } from './attempt-state.js';
import { put, ref } from '../changes.js';
import { detailChanges, requestChange, timelineRow } from './details.js';
import { JOBS_EVENTS, type JobEvent, type JobsEvent } from './events.js';
import { applyToExecutor, executorRefs } from './executor-state.js';
import { decidedStatus, endedJob, hasEnded, reopenedJob, requestedJob, withAttempt } from './job-state.js';
import type { JobAttemptRow, JobRow } from './rows.js';
import { JOB_ATTEMPTS, JOB_TIMELINE, JOBS, JOBS_TABLES, TERMS, WORKFLOWS } from './tables.js';

/**
 * The `jobs` read-model: jobs with their attempts, outputs, scores, files and timeline; beside them what the gateway
 * shows of executors, their environments, templates and terms.
 *
 * Facts and decisions of a job may be stored in either order. A job's row is therefore a function of the decisions alone
 * and of the row of its current attempt; facts go into the row of their own attempt, current or not.
 */
export const jobsProjection: Projection<JobsEvent> = {
  name: 'jobs',
  version: 3,
  tables: JOBS_TABLES,
  events: JOBS_EVENTS,

  load(event): readonly RowRef[] {
    const id = event.aggregateId;
    switch (event.type) {
      case ExecutorRegisteredV1.type:
      case ExecutorEnvironmentChangedV1.type:
      case ExecutorDrainedV1.type:
      case ExecutorPausedV1.type:
      case ExecutorResumedV1.type:
      case ExecutorLostV1.type:
      case ExecutorRecoveredV1.type:
        return executorRefs(event);
      case WorkflowRegisteredV2.type:
        return [ref(WORKFLOWS, { id, version: event.data.version })];
      case SchedulerTermStartedV1.type:
        return [ref(TERMS, { scheduler_id: id, epoch: event.data.epoch })];
      default: {
        const attempt = shownAttempt(event);
        const refs = [ref(JOBS, { id }), ref(JOB_TIMELINE, { job_id: id, event_id: event.id })];
        if (attempt !== undefined) refs.push(ref(JOB_ATTEMPTS, { job_id: id, attempt }));
        return refs;
      }
    }
  },

  apply(rows, event): readonly RowChange[] {
    const { aggregateId: id, time } = event;
    switch (event.type) {
      case ExecutorRegisteredV1.type:
      case ExecutorEnvironmentChangedV1.type:
      case ExecutorDrainedV1.type:
      case ExecutorPausedV1.type:
      case ExecutorResumedV1.type:
      case ExecutorLostV1.type:
      case ExecutorRecoveredV1.type:
        return applyToExecutor(rows, event);
      case WorkflowRegisteredV2.type: {
        const { version, slug, manifest, graph, graphHash, lowMemory, builtIn } = event.data;
        if (rows.get(WORKFLOWS, { id, version }) !== undefined) return [];
        const { kind, title } = manifest;
        return [
          put(WORKFLOWS, {
            id,
            version,
            slug,
            kind,
            title,
            manifest,
            graph,
            graph_hash: graphHash,
            low_memory: lowMemory,
            built_in: builtIn,
            registered_at: time,
          }),
        ];
      }
      case SchedulerTermStartedV1.type: {
        const { epoch, leader } = event.data;
        if (rows.get(TERMS, { scheduler_id: id, epoch }) !== undefined) return [];
        return [put(TERMS, { scheduler_id: id, epoch, leader, started_at: time })];
      }
      default:
        return applyToJob(rows, event);
    }
  },
};

/** The attempt whose row the event changes or the job's row then shows. */
function shownAttempt(event: JobEvent): number | undefined {
  return event.type === JobRetryScheduledV2.type ? event.data.attempt : attemptOf(event);
}

function applyToJob(rows: Rows, event: JobEvent): readonly RowChange[] {
  const id = event.aggregateId;
  if (rows.get(JOB_TIMELINE, { job_id: id, event_id: event.id }) !== undefined) return [];
  const changes: RowChange[] = [put(JOB_TIMELINE, timelineRow(event))];
  const number = shownAttempt(event);
  let attempt: JobAttemptRow | undefined =
    number === undefined ? undefined : rows.get(JOB_ATTEMPTS, { job_id: id, attempt: number });
  if (attemptOf(event) !== undefined && number !== undefined) {
    const before = attempt ?? unknownAttempt(id, number);
    attempt = withEvent(before, event);
    if (attempt !== before) changes.push(put(JOB_ATTEMPTS, attempt), ...detailChanges(event));
  }
  const job = rows.get(JOBS, { id });
  if (event.type === JobRequestedV3.type) {
    return job !== undefined
      ? changes
      : [...changes, put(JOBS, requestedJob(event, event.data)), requestChange(id, event.data)];
  }
  if (job !== undefined) changes.push(put(JOBS, jobAfter(job, attempt, event)));
  return changes;
}

/** The job's row after an event; decisions after its end change nothing. */
function jobAfter(
  job: JobRow,
  attempt: JobAttemptRow | undefined,
  event: Exclude<JobEvent, { readonly type: typeof JobRequestedV3.type }>,
): JobRow {
  if (event.type === JobCancelRequestedV2.type) return { ...job, cancel_requested: true };
  if (event.type === JobRetryRequestedV1.type) return reopenedJob(job);
  if (attemptOf(event) !== undefined && event.type !== JobAssignedV2.type && event.type !== JobGatedV1.type) {
    return attempt?.attempt === job.attempt ? withAttempt(job, attempt) : job;
  }
  if (hasEnded(job)) return job;
  switch (event.type) {
    case JobAcceptedV3.type: {
      if (job.accepted_at !== null) return job;
      const status = decidedStatus(job) === 'requested' ? 'queued' : job.status;
      return {
        ...job,
        status,
        accepted_at: event.time,
        accepted_position: event.position,
        max_attempts: event.data.maxAttempts,
      };
    }
    case JobAssignedV2.type: {
      if (event.data.attempt < job.attempt) return job;
      const assigned: JobRow = {
        ...job,
        status: 'assigned',
        attempt: event.data.attempt,
        executor_id: event.data.executorId,
        not_before: null,
        retry: null,
      };
      return withAttempt(assigned, attempt);
    }
    case JobRetryScheduledV2.type: {
      if (event.data.attempt <= job.attempt) return job;
      const { failedAttempt, variant, vramGb, freeMemory, avoid } = event.data;
      const waiting: JobRow = {
        ...job,
        status: 'queued',
        attempt: event.data.attempt,
        executor_id: null,
        not_before: event.data.notBefore,
        retry: { failedAttempt, class: event.data.class, variant, vramGb, freeMemory, avoid },
        verdict: null,
      };
      return withAttempt(waiting, attempt);
    }
    case JobGatedV1.type:
      return event.data.attempt === job.attempt ? { ...job, verdict: event.data.verdict } : job;
    case JobCompletedV1.type:
      return endedJob(job, 'completed', event.time, { verdict: event.data.verdict });
    case JobFailedV1.type:
      return endedJob(job, 'failed', event.time, {
        failure_class: event.data.class,
        failure_message: event.data.message,
      });
    case JobRejectedV1.type:
      return endedJob(job, 'rejected', event.time, {
        failure_class: event.data.class,
        failure_message: event.data.message,
      });
    case JobCancelledV1.type:
      return endedJob(job, 'cancelled', event.time);
    default:
      return job;
  }
}
