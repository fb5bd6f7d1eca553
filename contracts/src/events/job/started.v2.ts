import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sha256 } from '../../values/primitives.js';
import { JobStartedV1 } from './started.v1.js';

/** This process claims the attempt and is about to POST it. Version 2 names the environment that it runs in. */
export const JobStartedV2 = defineEvent({
  type: 'job.started',
  version: 2,
  aggregate: 'job',
  producer: 'comfyui-executor',
  description: JobStartedV1.description,
  data: z.strictObject({
    ...JobStartedV1.data.shape,
    /** As `executor.environment-changed` names it; null when the server did not tell. */
    environment: Sha256.nullable(),
  }),
});
