import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt } from '../../values/primitives.js';

/** The outputs could not be filed; they stay in the blob store. */
export const JobOrganiseFailedV1 = defineEvent({
  type: 'job.organise-failed',
  version: 1,
  aggregate: 'job',
  producer: 'file-organizer',
  description: 'The outputs could not be filed; they stay in the blob store.',
  data: z.strictObject({
    attempt: Attempt,
    /** Code of the problem catalogue. */
    code: z.string().min(1),
    message: z.string().min(1),
  }),
});
