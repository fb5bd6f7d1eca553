import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt } from '../../values/primitives.js';

/** The job is done: outputs made, judged and filed. */
export const JobCompletedV1 = defineEvent({
  type: 'job.completed',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'The job is done: outputs made, judged and filed.',
  data: z.strictObject({
    attempt: Attempt,
    verdict: z.enum(['passed', 'failed']),
  }),
});
