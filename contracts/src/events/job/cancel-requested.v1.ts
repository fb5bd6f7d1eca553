import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** Somebody wants the job to stop. */
export const JobCancelRequestedV1 = defineEvent({
  type: 'job.cancel-requested',
  version: 1,
  aggregate: 'job',
  producer: 'gateway',
  description: 'Somebody wants the job to stop.',
  data: z.strictObject({}),
});
