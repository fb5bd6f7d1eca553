import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** Somebody wants an executor to get work again that was paused, drained or had a GPU fault. */
export const ExecutorResumedV1 = defineEvent({
  type: 'executor.resumed',
  version: 1,
  aggregate: 'executor',
  producer: 'gateway',
  description: 'Somebody wants an executor to get work again that was paused, drained or had a GPU fault.',
  data: z.strictObject({}),
});
