import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureClass } from '../../values/failure.js';

/** The job ended without its outputs. */
export const JobFailedV1 = defineEvent({
  type: 'job.failed',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'The job ended without its outputs.',
  data: z.strictObject({
    class: FailureClass,
    message: z.string().min(1),
    /** Attempts made so far. */
    attempts: z.int().min(0),
  }),
});
