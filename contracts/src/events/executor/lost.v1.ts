import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** Nothing was heard of an executor, or of its server, for too long: nobody assigns to it until it is heard again. */
export const ExecutorLostV1 = defineEvent({
  type: 'executor.lost',
  version: 1,
  aggregate: 'executor',
  producer: 'orchestrator',
  description: 'Nothing was heard of an executor for too long: it gets no work until it is heard again.',
  data: z.strictObject({
    /** For how long nothing was heard while the orchestrator listened, or only that the server does not answer. */
    silentMs: z.int().min(0),
  }),
});
