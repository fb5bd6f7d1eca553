import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** The server answers but runs nothing any more: it gets no work until it registers anew or somebody resumes it. */
export const ExecutorDrainedV1 = defineEvent({
  type: 'executor.drained',
  version: 1,
  aggregate: 'executor',
  producer: 'comfyui-executor',
  description:
    'The server answers but runs nothing any more: it gets no work until it registers anew or somebody resumes it.',
  data: z.strictObject({
    reason: z.enum(['worker-stopped']),
    message: z.string().min(1),
  }),
});
