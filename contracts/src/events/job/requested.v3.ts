import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { InputFile } from '../../values/media.js';
import { JobLimits } from '../../values/project.js';
import { JobRequestedV2 } from './requested.v2.js';

/** Somebody asked for a picture or a clip. Version 3 names the pictures that it takes in, and its bounds. */
export const JobRequestedV3 = defineEvent({
  type: 'job.requested',
  version: 3,
  aggregate: 'job',
  producer: 'gateway',
  description: JobRequestedV2.description,
  data: z.strictObject({
    ...JobRequestedV2.data.shape,
    inputs: z.array(InputFile),
    limits: JobLimits,
  }),
});
