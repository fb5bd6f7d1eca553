import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Uuid, Word } from '../../values/primitives.js';

/** Somebody wants a given-up event to be handled again; the consumer that it names reads this and does so. */
export const DeadLetterReplayedV1 = defineEvent({
  type: 'dead-letter.replayed',
  version: 1,
  aggregate: 'dead-letter',
  producer: 'gateway',
  description: 'Somebody wants a given-up event to be handled again by the consumer that gave it up.',
  data: z.strictObject({
    consumer: Word,
    /** `ce-id` of the event, its name, and the aggregate below which it stands in the log. */
    eventId: Uuid,
    eventName: Word,
    aggregateId: Uuid,
  }),
});
