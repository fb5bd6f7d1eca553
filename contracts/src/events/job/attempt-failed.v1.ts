import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureClass, FailureEvidenceV1 } from '../../values/failure.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** The attempt ended without outputs; the class decides what follows. */
export const JobAttemptFailedV1 = defineEvent({
  type: 'job.attempt-failed',
  version: 1,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: 'The attempt ended without outputs; the class decides what follows.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
    class: FailureClass,
    /** A word for machines, e.g. `vanished`, `execution-error`, `submission-refused`, `cancelled`. */
    reason: z.string().regex(/^[a-z]+(-[a-z]+)*$/),
    message: z.string().min(1),
    evidence: FailureEvidenceV1,
  }),
});
