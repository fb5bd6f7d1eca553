import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { JobType, Parameters, Seed, Sha256, Slug, Uuid } from '../../values/primitives.js';

/** Somebody asked for a picture or a clip; template, version, parameters and seed are already resolved. */
export const JobRequestedV1 = defineEvent({
  type: 'job.requested',
  version: 1,
  aggregate: 'job',
  producer: 'gateway',
  description: 'Somebody asked for a picture or a clip; template, version, parameters and seed are already resolved.',
  data: z.strictObject({
    type: JobType,
    template: z.strictObject({ id: Slug, version: z.int().min(1) }),
    /** Every parameter of the template, defaults filled in. */
    parameters: Parameters,
    seed: Seed,
    seedSource: z.enum(['given', 'drawn']),
    project: Uuid.nullable(),
    /** Of what was asked for, when it came with an `Idempotency-Key`: that key stands for no other request. */
    requestHash: Sha256.optional(),
  }),
});
