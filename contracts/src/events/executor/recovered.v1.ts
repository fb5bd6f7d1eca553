import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';

/** A lost executor was heard again. */
export const ExecutorRecoveredV1 = defineEvent({
  type: 'executor.recovered',
  version: 1,
  aggregate: 'executor',
  producer: 'orchestrator',
  description: 'A lost executor was heard again and gets work.',
  data: z.strictObject({}),
});
