import { JobCancelRequestedV2, JobRequestedV3, type EventData, type Sealed } from '@anime/contracts';
import { decided, NOTHING, refused, type Decision } from '@anime/event-store/pure';
import type { JobState } from './job.state.js';

/** What somebody may want of a job. */
export type JobCommand =
  /** Template, version, parameters and seed are resolved before. */
  | { readonly kind: 'RequestJob'; readonly job: EventData<typeof JobRequestedV3> }
  /** The reason is sealed before: it is personal. */
  | { readonly kind: 'RequestCancel'; readonly reason: Sealed | null };

/** Decides one command on one job. A request for a job that is there already had its effect. */
export function decideJob(
  command: JobCommand,
  job: JobState,
): Decision<typeof JobRequestedV3 | typeof JobCancelRequestedV2> {
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
  }
}
