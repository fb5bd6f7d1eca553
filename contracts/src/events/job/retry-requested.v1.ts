import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sealed } from '../../values/sealed.js';

/** Somebody wants a failed job to be tried again, and may have said why. */
export const JobRetryRequestedV1 = defineEvent({
  type: 'job.retry-requested',
  version: 1,
  aggregate: 'job',
  producer: 'gateway',
  description: 'Somebody wants a failed job to be tried again, and may have said why.',
  data: z.strictObject({
    /** In the words of whoever asked: personal. */
    reason: Sealed.nullable(),
  }),
});
