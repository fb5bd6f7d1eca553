import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** The executor is to stop this attempt, started or not. */
export const JobCancelOrderedV1 = defineEvent({
  type: 'job.cancel-ordered',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'executor',
  description: 'The executor is to stop this attempt, started or not.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
  }),
});
