import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ExecutedOutput } from '../../values/media.js';
import { NodeId, Sha256 } from '../../values/primitives.js';
import { JobExecutedV1 } from './executed.v1.js';

/** ComfyUI ran the attempt and its outputs are in the blob store. Version 2 names the cached nodes, the models and the pixels. */
export const JobExecutedV2 = defineEvent({
  type: 'job.executed',
  version: 2,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: JobExecutedV1.description,
  data: z.strictObject({
    ...JobExecutedV1.data.shape,
    outputs: z.array(ExecutedOutput).min(1),
    /** Nodes that ComfyUI did not run, as it had their outputs from an earlier prompt. */
    cachedNodes: z.array(NodeId),
    /** Model files that the graph names, each once, with their content where the executor can read them. */
    models: z.array(z.strictObject({ name: z.string().min(1).max(1024), sha256: Sha256.nullable() })),
    /** Most memory of the GPU that was in use while it ran, by whoever, in bytes; null where nobody looked. */
    vramPeakBytes: z.number().min(0).nullable(),
  }),
});
