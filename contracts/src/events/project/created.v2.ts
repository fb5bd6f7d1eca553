import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ProjectSettings } from '../../values/project.js';
import { ProjectCreatedV1 } from './created.v1.js';

/** A project is there; jobs can be asked for in it. Version 2 has bounds of its jobs among the settings. */
export const ProjectCreatedV2 = defineEvent({
  type: 'project.created',
  version: 2,
  aggregate: 'project',
  producer: 'gateway',
  description: ProjectCreatedV1.description,
  data: z.strictObject({
    ...ProjectCreatedV1.data.shape,
    settings: ProjectSettings,
  }),
});
