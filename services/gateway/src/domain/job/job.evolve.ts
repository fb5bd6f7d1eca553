import type { RecordedEvent } from '@anime/event-store/pure';
import type { JobState } from './job.state.js';

/** Folds one event of a job; facts that arrive after the end leave it ended, and only a wish to try it again opens one that failed. */
export function evolveJob(job: JobState, event: RecordedEvent): JobState {
  switch (event.type) {
    case 'job.completed':
      return { stage: 'ended', end: 'completed' };
    case 'job.failed':
      return { stage: 'ended', end: 'failed' };
    case 'job.cancelled':
      return { stage: 'ended', end: 'cancelled' };
    case 'job.rejected':
      return { stage: 'ended', end: 'rejected' };
    case 'job.retry-requested':
      return job.stage === 'ended' && job.end !== 'failed' ? job : { stage: 'open' };
    default:
      return job.stage === 'absent' ? { stage: 'open' } : job;
  }
}
