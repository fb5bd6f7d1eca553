import { z } from 'zod';
import { JobStatus } from '../values/job-status.js';
import { Instant, Uuid } from '../values/primitives.js';
import { PreviewV1, ProgressV1 } from './live-messages.js';

/** Where a viewer stands: `<creation of the progress stream, ms since 1970>:<seq>`. Give it back as `?resume=`. */
export const ResumeToken = z.string().regex(/^\d+:\d+$/);

/** A job's status as the log says it. */
export const ViewedJob = z.strictObject({
  jobId: Uuid,
  status: JobStatus,
  /** Attempt that the status is about; 0 before the first. */
  attempt: z.int().min(0),
  /** Position of the event that led to it. */
  position: z.int().min(1),
  at: Instant,
});
export type ViewedJob = z.infer<typeof ViewedJob>;

/**
 * `seq` is the place in the progress stream, `prev` that of the message sent before on this subscription: a viewer that
 * has seen `prev` has missed nothing. A status and a preview are not in the progress stream: their `seq` equals their `prev`.
 */
const place = { seq: z.int().min(0), prev: z.int().min(0), token: ResumeToken };

/** What the relay sends to a viewer of one job, as one JSON text message each. */
export const ViewerMessage = z.discriminatedUnion('type', [
  /** The full state: first on a new subscription, and when a resume token is unknown or too old. */
  z.strictObject({
    type: z.literal('reset'),
    ...place,
    data: z.strictObject({ job: ViewedJob.nullable(), progress: ProgressV1.data.nullable() }),
  }),
  z.strictObject({
    type: z.literal('progress'),
    ...place,
    /** Present when several messages became this one, because the viewer reads slowly: it stands for all of them. */
    from: z.int().min(1).optional(),
    to: z.int().min(1).optional(),
    data: ProgressV1.data,
  }),
  z.strictObject({ type: z.literal('job'), ...place, data: ViewedJob }),
  /** The newest picture of the work in progress. One that was missed does not come again; where there are none, none come. */
  z.strictObject({ type: z.literal('preview'), ...place, data: PreviewV1.data }),
]);
export type ViewerMessage = z.infer<typeof ViewerMessage>;
