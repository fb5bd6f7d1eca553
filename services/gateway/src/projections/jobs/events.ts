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
  JobAttemptFailedV2,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCancelOrderedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobDeclinedV1,
  JobExecutedV2,
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
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
} from '@anime/contracts';
import type { EventOf, RecordedEvent } from '@anime/event-store';

const JOB_EVENTS = [
  JobRequestedV3,
  JobCancelRequestedV2,
  JobRetryRequestedV1,
  JobAcceptedV3,
  JobRejectedV1,
  JobAssignedV2,
  JobCancelOrderedV1,
  JobAttemptLostV1,
  JobRetryScheduledV2,
  JobDeclinedV1,
  JobStartedV2,
  JobExecutedV2,
  JobAttemptFailedV2,
  JobScoredV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobGatedV1,
  JobCompletedV1,
  JobFailedV1,
  JobCancelledV1,
] as const;

const EXECUTOR_EVENTS = [
  ExecutorRegisteredV1,
  ExecutorEnvironmentChangedV1,
  ExecutorDrainedV1,
  ExecutorPausedV1,
  ExecutorResumedV1,
  ExecutorLostV1,
  ExecutorRecoveredV1,
] as const;

/** What the read-model reads. */
export const JOBS_EVENTS = [...JOB_EVENTS, ...EXECUTOR_EVENTS, WorkflowRegisteredV2, SchedulerTermStartedV1] as const;

export type JobEvent = EventOf<(typeof JOB_EVENTS)[number]> & RecordedEvent;
export type ExecutorEvent = EventOf<(typeof EXECUTOR_EVENTS)[number]> & RecordedEvent;
export type JobsEvent = EventOf<(typeof JOBS_EVENTS)[number]> & RecordedEvent;
