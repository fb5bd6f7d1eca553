import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ProjectSettingsV1 } from '../../values/project.js';

/** Jobs that are asked for in the project from now on get these settings, in place of all that it had. */
export const ProjectSettingsChangedV1 = defineEvent({
  type: 'project.settings-changed',
  version: 1,
  aggregate: 'project',
  producer: 'gateway',
  description: 'Jobs that are asked for in the project from now on get these settings, in place of all that it had.',
  data: z.strictObject({ settings: ProjectSettingsV1 }),
});
