import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt } from '../../values/primitives.js';

/** The job was stopped as asked; files made by then stay, marked. */
export const JobCancelledV1 = defineEvent({
  type: 'job.cancelled',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'The job was stopped as asked; files made by then stay, marked.',
  data: z.strictObject({
    /** How far it had come. */
    stage: z.enum(['requested', 'queued', 'assigned', 'executed']),
    attempt: Attempt.nullable(),
  }),
});
