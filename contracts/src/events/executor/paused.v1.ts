import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Sealed } from '../../values/sealed.js';

/** Somebody wants no more work to be given to an executor; what it has goes on. */
export const ExecutorPausedV1 = defineEvent({
  type: 'executor.paused',
  version: 1,
  aggregate: 'executor',
  producer: 'gateway',
  description: 'Somebody wants no more work to be given to an executor; what it has goes on.',
  data: z.strictObject({
    /** In the words of whoever asked: personal. */
    reason: Sealed.nullable(),
  }),
});
