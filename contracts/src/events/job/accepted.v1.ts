import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { bodyOf } from '../../values/body.js';
import { ApiGraph } from '../../values/graph.js';
import {
  Instant,
  JobType,
  NodeId,
  OutputKindV1,
  Parameters,
  Seed,
  Sha256,
  Slug,
  Uuid,
  Word,
} from '../../values/primitives.js';

/** The job will run: all that later steps need is here, so that they read no other aggregate. */
export const JobAcceptedV1 = defineEvent({
  type: 'job.accepted',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  subjectForm: 'accepted',
  description: 'The job will run: all that later steps need is here, so that they read no other aggregate.',
  data: z.strictObject({
    type: JobType,
    template: z.strictObject({ id: Slug, version: z.int().min(1) }),
    parameters: Parameters,
    seed: Seed,
    project: Uuid.nullable(),
    variants: z
      .array(
        z.strictObject({
          name: z.enum(['normal', 'low-memory']),
          graph: bodyOf(ApiGraph),
          /** SHA-256 of the canonical graph without `_meta` and with blank save prefixes. */
          graphHash: Sha256,
          vramGb: z.number().min(0),
        }),
      )
      .min(1),
    outputs: z
      .array(z.strictObject({ node: NodeId, kind: OutputKindV1, role: Word, filenamePrefixInput: Word }))
      .min(1),
    /** Share of the work per node id; sums to 1. */
    progress: z.record(z.string(), z.number().min(0).max(1)),
    metricSet: z.enum(['classical']),
    layout: z.strictObject({ title: z.string(), requestedAt: Instant }),
    maxAttempts: z.int().min(1),
  }),
});
