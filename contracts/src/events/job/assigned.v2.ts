import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { JobAssignedV1 } from './assigned.v1.js';

/** One executor is to run one attempt. Version 2 says whether it frees the memory of the GPU first. */
export const JobAssignedV2 = defineEvent({
  type: 'job.assigned',
  version: 2,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'executor',
  description: JobAssignedV1.description,
  data: z.strictObject({
    ...JobAssignedV1.data.shape,
    /** The attempt before ran out of memory: models of other jobs are unloaded first. */
    freeMemory: z.boolean(),
  }),
});
