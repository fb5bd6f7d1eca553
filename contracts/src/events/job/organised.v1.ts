import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { OrganisedFile } from '../../values/media.js';
import { Attempt } from '../../values/primitives.js';

/** The outputs of an attempt lie in the library, each with thumbnail and sidecar. */
export const JobOrganisedV1 = defineEvent({
  type: 'job.organised',
  version: 1,
  aggregate: 'job',
  producer: 'file-organizer',
  description: 'The outputs of an attempt lie in the library, each with thumbnail and sidecar.',
  data: z.strictObject({
    attempt: Attempt,
    files: z.array(OrganisedFile).min(1),
  }),
});
