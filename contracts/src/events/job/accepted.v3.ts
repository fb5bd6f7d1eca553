import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { InputFile } from '../../values/media.js';
import { TemplateOutput } from '../../values/template-manifest.js';
import { JobAcceptedV2 } from './accepted.v2.js';

/** The job will run. Version 3 names the pictures that it takes in, what else than pictures it may make, and how long an attempt may take. */
export const JobAcceptedV3 = defineEvent({
  type: 'job.accepted',
  version: 3,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'accepted',
  description: JobAcceptedV2.description,
  data: z.strictObject({
    ...JobAcceptedV2.data.shape,
    outputs: z.array(TemplateOutput).min(1),
    inputs: z.array(InputFile),
    /** So long one attempt may take on the server; null: as long as it likes. */
    maxRunSeconds: z.int().min(1).nullable(),
  }),
});
