import { z } from 'zod';
import { defineEvent } from '../../event-contract.js';
import { Uuid } from '../../values/primitives.js';

/** One orchestrator process leads from here on; decisions of lower epochs after this are fenced. */
export const SchedulerTermStartedV1 = defineEvent({
  type: 'scheduler.term-started',
  version: 1,
  aggregate: 'scheduler',
  producer: 'orchestrator',
  description: 'One orchestrator process leads from here on; decisions of lower epochs after this are fenced.',
  data: z.strictObject({
    epoch: z.int().min(1),
    /** Random id of the leading process. */
    leader: Uuid,
  }),
});
