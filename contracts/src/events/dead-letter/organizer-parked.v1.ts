import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Uuid, Word } from '../../values/primitives.js';

/** The file-organizer gave up on an event; nothing is lost, somebody has to look. */
export const DeadLetterOrganizerParkedV1 = defineEvent({
  type: 'dead-letter.organizer-parked',
  version: 1,
  aggregate: 'dead-letter',
  producer: 'file-organizer',
  description: 'The file-organizer gave up on an event; nothing is lost, somebody has to look.',
  data: z.strictObject({
    consumer: Word,
    eventId: Uuid,
    eventName: Word,
    aggregateId: Uuid,
    error: z.strictObject({ code: z.string().min(1), message: z.string() }),
    deliveries: z.int().min(1),
  }),
});
