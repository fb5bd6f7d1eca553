import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { ReplayOutcome } from '../../values/replay-outcome.js';
import { Uuid, Word } from '../../values/primitives.js';

/** The file-organizer has done with a replayed event: what it was given up for is over. */
export const DeadLetterOrganizerSettledV1 = defineEvent({
  type: 'dead-letter.organizer-settled',
  version: 1,
  aggregate: 'dead-letter',
  producer: 'file-organizer',
  description: 'The file-organizer has done with a replayed event: what it was given up for is over.',
  data: z.strictObject({
    consumer: Word,
    eventId: Uuid,
    /** `ce-id` of the `dead-letter.replayed` that this answers. */
    replayId: Uuid,
    outcome: ReplayOutcome,
  }),
});
