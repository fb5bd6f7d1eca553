import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** The server answers, but what it is given cannot run: it gets no work until it registers anew or somebody resumes it. */
export const ExecutorDrainedV1 = defineEvent({
  type: 'executor.drained',
  version: 1,
  aggregate: 'executor',
  producer: 'comfyui-executor',
  description:
    'The server answers, but what it is given cannot run: it gets no work until it registers anew or somebody resumes it.',
  data: z.strictObject({
    reason: z.enum(['worker-stopped', 'gpu-fault']).meta({
      description:
        '`worker-stopped`: it runs nothing any more; `gpu-fault`: the CUDA context is broken, which comes before the `attempt-failed` of the prompt that met it',
    }),
    message: z.string().min(1),
    promptId: z
      .uuid()
      .nullable()
      .meta({ description: 'the prompt that hangs, or that met the fault; null when it ran none' }),
  }),
});
