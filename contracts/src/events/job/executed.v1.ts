import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ExecutedOutputV1 } from '../../values/media.js';
import { Attempt, Sha256, Uuid } from '../../values/primitives.js';

/** ComfyUI ran the attempt and its outputs are in the blob store. */
export const JobExecutedV1 = defineEvent({
  type: 'job.executed',
  version: 1,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: 'ComfyUI ran the attempt and its outputs are in the blob store.',
  data: z.strictObject({
    attempt: Attempt,
    executorId: Uuid,
    promptId: Uuid,
    variant: z.enum(['normal', 'low-memory']),
    graphHash: Sha256,
    /** True when ComfyUI executed no node and answered from its cache. */
    cached: z.boolean(),
    outputs: z.array(ExecutedOutputV1).min(1),
    /** Milliseconds by the server's own clock, null where it gave none. */
    executionMs: z.number().min(0).nullable(),
  }),
});
