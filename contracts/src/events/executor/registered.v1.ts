import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Slug } from '../../values/primitives.js';

/** A ComfyUI server was met for the first time under this name. */
export const ExecutorRegisteredV1 = defineEvent({
  type: 'executor.registered',
  version: 1,
  aggregate: 'executor',
  producer: 'comfyui-executor',
  description: 'A ComfyUI server was met for the first time under this name.',
  data: z.strictObject({
    /** From COMFYUI_URLS; the id is derived from it, never from the URL. */
    name: Slug,
    comfyuiVersion: z.string(),
    /** True when the server says that it is a simulator. */
    simulator: z.boolean(),
    devices: z.array(z.strictObject({ name: z.string(), vramBytes: z.number().min(0) })),
  }),
});
