import {
  ExecutorLostV1,
  ExecutorRecoveredV1,
  ExecutorRegisteredV1,
  JobAcceptedV2,
  JobAssignedV1,
  JobAttemptFailedV1,
  JobAttemptLostV1,
  JobCancelledV1,
  JobCancelOrderedV1,
  JobCancelRequestedV2,
  JobCompletedV1,
  JobExecutedV1,
  JobFailedV1,
  JobGatedV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobRejectedV1,
  JobRequestedV2,
  JobRetryScheduledV1,
  JobScoredV1,
  JobStartedV1,
  SchedulerTermStartedV1,
  WorkflowRegisteredV1,
} from '@anime/contracts';
import type { EventOf, RecordedEvent } from '@anime/event-store';

const JOB_EVENTS = [
  JobRequestedV2,
  JobCancelRequestedV2,
  JobAcceptedV2,
  JobRejectedV1,
  JobAssignedV1,
  JobCancelOrderedV1,
  JobAttemptLostV1,
  JobRetryScheduledV1,
  JobStartedV1,
  JobExecutedV1,
  JobAttemptFailedV1,
  JobScoredV1,
  JobOrganisedV1,
  JobOrganiseFailedV1,
  JobGatedV1,
  JobCompletedV1,
  JobFailedV1,
  JobCancelledV1,
] as const;

/** What the read-model reads. */
export const JOBS_EVENTS = [
  ...JOB_EVENTS,
  ExecutorRegisteredV1,
  ExecutorLostV1,
  ExecutorRecoveredV1,
  WorkflowRegisteredV1,
  SchedulerTermStartedV1,
] as const;

export type JobEvent = EventOf<(typeof JOB_EVENTS)[number]> & RecordedEvent;
export type JobsEvent = EventOf<(typeof JOBS_EVENTS)[number]> & RecordedEvent;
