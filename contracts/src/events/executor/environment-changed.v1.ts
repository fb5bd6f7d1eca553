import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sha256 } from '../../values/primitives.js';

/** What runs on the server is not what ran before: other software, GPUs, arguments or nodes. */
export const ExecutorEnvironmentChangedV1 = defineEvent({
  type: 'executor.environment-changed',
  version: 1,
  aggregate: 'executor',
  producer: 'comfyui-executor',
  description: 'What runs on the server is not what ran before: other software, GPUs, arguments or nodes.',
  data: z.strictObject({
    /** Names this environment: SHA-256 of the canonical JSON of the fields below. */
    environment: Sha256,
    comfyuiVersion: z.string(),
    pythonVersion: z.string().nullable(),
    pytorchVersion: z.string().nullable(),
    /** Of CUDA or ROCm, as PyTorch names it. */
    cudaVersion: z.string().nullable(),
    os: z.string().nullable(),
    /** Of the server's command line; absolute paths are left out. */
    arguments: z.array(z.string()),
    devices: z.array(z.strictObject({ name: z.string(), type: z.string().nullable(), vramBytes: z.number().min(0) })),
    /** All node classes as canonical JSON in the blob store, without the lists of files that each machine has. */
    nodeDefinitions: z.strictObject({ blob: Sha256, size: z.int().min(1), classes: z.int().min(0) }),
    /** Node packs as far as the server tells them. */
    packs: z.array(z.strictObject({ name: z.string().min(1), version: z.string().nullable() })),
  }),
});
