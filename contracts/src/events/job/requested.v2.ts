import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ProjectOfJob } from '../../values/project.js';
import { JobRequestedV1 } from './requested.v1.js';

/** Somebody asked for a picture or a clip. Version 2 names the project by its slug, too: its files lie below that. */
export const JobRequestedV2 = defineEvent({
  type: 'job.requested',
  version: 2,
  aggregate: 'job',
  producer: 'gateway',
  description: JobRequestedV1.description,
  data: z.strictObject({ ...JobRequestedV1.data.shape, project: ProjectOfJob.nullable() }),
});
