import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { FailureEvidence } from '../../values/failure.js';
import { JobAttemptFailedV1 } from './attempt-failed.v1.js';

/** The attempt ended without outputs. Version 2 has the figures of memory among the evidence. */
export const JobAttemptFailedV2 = defineEvent({
  type: 'job.attempt-failed',
  version: 2,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: JobAttemptFailedV1.description,
  data: z.strictObject({
    ...JobAttemptFailedV1.data.shape,
    evidence: FailureEvidence,
  }),
});
