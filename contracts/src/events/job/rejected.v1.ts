import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureClass } from '../../values/failure.js';

/** The job can never run; nothing was done. */
export const JobRejectedV1 = defineEvent({
  type: 'job.rejected',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'The job can never run; nothing was done.',
  data: z.strictObject({
    class: FailureClass,
    message: z.string().min(1),
  }),
});
