import {
  JobCancelRequestedV2,
  JobRequestedV3,
  JobRetryRequestedV1,
  type EventData,
  type Sealed,
} from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision } from '@anime/event-store/pure';
import { evolveJob } from './job.evolve.js';
import { NO_JOB, type JobState } from './job.state.js';

/** What somebody may want of a job. */
export type JobCommand =
  /** Template, version, parameters and seed are resolved before. */
  | { readonly kind: 'RequestJob'; readonly job: EventData<typeof JobRequestedV3> }
  /** The reason is sealed before: it is personal. */
  | { readonly kind: 'RequestCancel'; readonly reason: Sealed | null }
  | { readonly kind: 'RequestRetry'; readonly reason: Sealed | null };

/** Decides one command on one job. A request for a job that is there already had its effect. */
export function decideJob(
  command: JobCommand,
  job: JobState,
): Decision<typeof JobRequestedV3 | typeof JobCancelRequestedV2 | typeof JobRetryRequestedV1> {
  switch (command.kind) {
    case 'RequestJob':
      return job.stage === 'absent' ? decided(JobRequestedV3, command.job) : NOTHING;
    case 'RequestCancel':
      switch (job.stage) {
        case 'absent':
          return refused('job-not-found', 'no such job was ever requested');
        case 'ended':
          return refused('job-ended', `it is ${job.end}; nothing is left to cancel`);
        case 'open':
          return decided(JobCancelRequestedV2, { reason: command.reason });
      }
    case 'RequestRetry':
      switch (job.stage) {
        case 'absent':
          return refused('job-not-found', 'no such job was ever requested');
        case 'open':
          return refused('job-not-failed', 'it has not ended; read it to see what it waits for');
        case 'ended':
          return job.end === 'failed'
            ? decided(JobRetryRequestedV1, { reason: command.reason })
            : refused('job-not-failed', `it is ${job.end}, and only a failed job is tried again: ask for a new one`);
      }
  }
}

export const jobDecider: Decider<JobState, JobCommand> = {
  foldVersion: 1,
  initial: NO_JOB,
  decide: decideJob,
  evolve: evolveJob,
};
