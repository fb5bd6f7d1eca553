import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ProjectOfJob } from '../../values/project.js';
import { JobAcceptedV1 } from './accepted.v1.js';

/** The job will run. Version 2 names the project by its slug, too: its files lie below that. */
export const JobAcceptedV2 = defineEvent({
  type: 'job.accepted',
  version: 2,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'accepted',
  description: JobAcceptedV1.description,
  data: z.strictObject({ ...JobAcceptedV1.data.shape, project: ProjectOfJob.nullable() }),
});
