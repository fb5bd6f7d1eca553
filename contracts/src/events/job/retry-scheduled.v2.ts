import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FAILURE_CLASSES } from '../../values/failure.js';
import { Uuid } from '../../values/primitives.js';
import { JobRetryScheduledV1 } from './retry-scheduled.v1.js';

/** An attempt did not work and the next one may be assigned from `notBefore` on. Version 2 says how it is to differ. */
export const JobRetryScheduledV2 = defineEvent({
  type: 'job.retry-scheduled',
  version: 2,
  aggregate: 'job',
  producer: 'orchestrator',
  description: JobRetryScheduledV1.description,
  data: z.strictObject({
    ...JobRetryScheduledV1.data.shape,
    /** `declined`: it was not begun, and does not count. */
    class: z.enum([...FAILURE_CLASSES, 'declined']),
    variant: z.enum(['normal', 'low-memory']),
    /** GPU memory that must be free when it begins, in GB. */
    vramGb: z.number().min(0),
    /** What its GPU must have in all, e.g. more than the one that ran out of memory; 0 when any will do that has `vramGb`. */
    gpuBytes: z.int().min(0),
    freeMemory: z.boolean(),
    /** Executors that get it only when there is no other. */
    avoid: z.array(Uuid),
  }),
});
