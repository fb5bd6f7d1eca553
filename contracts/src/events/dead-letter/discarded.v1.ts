import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sealed } from '../../values/sealed.js';

/** Somebody looked at a given-up event and wants nothing more to be done about it. */
export const DeadLetterDiscardedV1 = defineEvent({
  type: 'dead-letter.discarded',
  version: 1,
  aggregate: 'dead-letter',
  producer: 'gateway',
  description: 'Somebody looked at a given-up event and wants nothing more to be done about it.',
  data: z.strictObject({
    /** In the words of whoever discarded it, sealed with their key; null when they gave none. */
    reason: Sealed.nullable(),
  }),
});
