import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** The executor of this attempt is lost: nobody waits for it any more, whatever it still does. */
export const JobAttemptLostV1 = defineEvent({
  type: 'job.attempt-lost',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'executor',
  description: 'The executor of this attempt is lost: nobody waits for it any more, and it stops it when it is back.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
  }),
});
