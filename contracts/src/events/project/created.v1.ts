import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Slug } from '../../values/primitives.js';
import { PROJECT_TITLE_LIMIT, ProjectSettingsV1 } from '../../values/project.js';

/** A project is there; jobs can be asked for in it. Its slug never changes, and its id is derived from it. */
export const ProjectCreatedV1 = defineEvent({
  type: 'project.created',
  version: 1,
  aggregate: 'project',
  producer: 'gateway',
  description:
    'A project is there; jobs can be asked for in it. Its slug never changes, and its id is derived from it.',
  data: z.strictObject({
    slug: Slug,
    title: z.string().min(1).max(PROJECT_TITLE_LIMIT),
    settings: ProjectSettingsV1,
  }),
});
