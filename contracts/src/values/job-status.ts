import { z } from 'zod';

/**
 * Where a job stands, as read-models and the API say it:
 * requested → queued → assigned → running → executed → completed, or an end before that.
 */
export const JOB_STATUSES = [
  'requested',
  'queued',
  'assigned',
  'running',
  'executed',
  'completed',
  'failed',
  'cancelled',
  'rejected',
] as const;
export const JobStatus = z.enum(JOB_STATUSES);
export type JobStatus = z.infer<typeof JobStatus>;

/** The statuses after which nothing more happens by itself. */
export const ENDED_STATUSES: readonly JobStatus[] = ['completed', 'failed', 'cancelled', 'rejected'];
