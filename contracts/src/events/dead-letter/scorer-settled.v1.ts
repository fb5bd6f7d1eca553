import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ReplayOutcome } from '../../values/replay-outcome.js';
import { Uuid, Word } from '../../values/primitives.js';

/** The quality-scorer has done with a replayed event: what it was given up for is over. */
export const DeadLetterScorerSettledV1 = defineEvent({
  type: 'dead-letter.scorer-settled',
  version: 1,
  aggregate: 'dead-letter',
  producer: 'quality-scorer',
  description: 'The quality-scorer has done with a replayed event: what it was given up for is over.',
  data: z.strictObject({
    consumer: Word,
    eventId: Uuid,
    /** `ce-id` of the `dead-letter.replayed` that this answers. */
    replayId: Uuid,
    outcome: ReplayOutcome,
  }),
});
