import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ProjectSettings } from '../../values/project.js';
import { ProjectSettingsChangedV1 } from './settings-changed.v1.js';

/** Jobs that are asked for in the project from now on get these settings. Version 2 has bounds of jobs among them. */
export const ProjectSettingsChangedV2 = defineEvent({
  type: 'project.settings-changed',
  version: 2,
  aggregate: 'project',
  producer: 'gateway',
  description: ProjectSettingsChangedV1.description,
  data: z.strictObject({
    settings: ProjectSettings,
  }),
});
