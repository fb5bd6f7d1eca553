import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { MetricResult } from '../../values/score.js';
import { Attempt, NodeId, Sha256, Word } from '../../values/primitives.js';

/** The outputs of an attempt were measured by one build of the scorer. */
export const JobScoredV1 = defineEvent({
  type: 'job.scored',
  version: 1,
  aggregate: 'job',
  producer: 'quality-scorer',
  description: 'The outputs of an attempt were measured by one build of the scorer.',
  data: z.strictObject({
    attempt: Attempt,
    scorerBuild: Word,
    outputs: z
      .array(
        z.strictObject({
          node: NodeId,
          index: z.int().min(0),
          blob: Sha256,
          metrics: z.array(MetricResult).min(1),
        }),
      )
      .min(1),
  }),
});
