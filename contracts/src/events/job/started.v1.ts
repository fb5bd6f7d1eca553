import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** This process claims the attempt and is about to POST it; no other may. */
export const JobStartedV1 = defineEvent({
  type: 'job.started',
  version: 1,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: 'This process claims the attempt and is about to POST it; no other may.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
    /** Random id of the process that may POST. */
    claim: Uuid,
  }),
});
