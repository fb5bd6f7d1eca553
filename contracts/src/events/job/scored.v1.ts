import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { MetricResult } from '../../values/score.js';
import { Attempt, Sha256 } from '../../values/primitives.js';

/** The outputs of an attempt were measured by one build of the scorer. */
export const JobScoredV1 = defineEvent({
  type: 'job.scored',
  version: 1,
  aggregate: 'job',
  producer: 'quality-scorer',
  description: 'The outputs of an attempt were measured by one build of the scorer.',
  data: z.strictObject({
    attempt: Attempt,
    scorerBuild: z.string().min(1),
    outputs: z.array(
      z.strictObject({
        node: z.string(),
        index: z.int().min(0),
        blob: Sha256,
        metrics: z.array(MetricResult).min(1),
      }),
    ).min(1),
  }),
});
