import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureClass } from '../../values/failure.js';
import { Attempt, Instant } from '../../values/primitives.js';

/** An attempt failed in a way that may pass; the next one may be assigned from `notBefore` on. */
export const JobRetryScheduledV1 = defineEvent({
  type: 'job.retry-scheduled',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'An attempt failed in a way that may pass; the next one may be assigned from `notBefore` on.',
  data: z.strictObject({
    /** The attempt to come. */
    attempt: Attempt,
    failedAttempt: Attempt,
    class: FailureClass,
    notBefore: Instant,
  }),
});
