import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** The project takes no new jobs and no new settings; its jobs go on and its files stay. */
export const ProjectArchivedV1 = defineEvent({
  type: 'project.archived',
  version: 1,
  aggregate: 'project',
  producer: 'gateway',
  description: 'The project takes no new jobs and no new settings; its jobs go on and its files stay.',
  data: z.strictObject({}),
});
