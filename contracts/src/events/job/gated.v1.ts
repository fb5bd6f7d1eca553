import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Attempt, Word } from '../../values/primitives.js';

/** The outputs of an attempt were judged. */
export const JobGatedV1 = defineEvent({
  type: 'job.gated',
  version: 1,
  aggregate: 'job',
  producer: 'orchestrator',
  description: 'The outputs of an attempt were judged.',
  data: z.strictObject({
    attempt: Attempt,
    verdict: z.enum(['passed', 'failed']),
    /** `none`: no gate is set for this job. */
    rule: z.strictObject({ id: Word }),
    /** Build of the scorer whose figures were judged; null when it was absent past its limit. */
    scorerBuild: Word.nullable(),
    /** Why there are no figures, when there are none. */
    reason: z.string().nullable(),
  }),
});
