import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt, Uuid } from '../../values/primitives.js';

/** One executor is to run one attempt. */
export const JobAssignedV1 = defineEvent({
  type: 'job.assigned',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'executor',
  description: 'One executor is to run one attempt.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    /** UUIDv5 of job id and attempt: also ComfyUI's prompt id. */
    promptId: Uuid,
    variant: z.enum(['normal', 'low-memory']),
    vramGb: z.number().min(0),
  }),
});
