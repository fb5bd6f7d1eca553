import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sealed } from '../../values/sealed.js';

/** Somebody wants the job to stop, and may have said why. */
export const JobCancelRequestedV2 = defineEvent({
  type: 'job.cancel-requested',
  version: 2,
  aggregate: 'job',
  producer: 'gateway',
  description: 'Somebody wants the job to stop, and may have said why.',
  data: z.strictObject({
    /** In the words of whoever asked: personal. */
    reason: Sealed.nullable(),
  }),
});
