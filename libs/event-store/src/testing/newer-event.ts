import { defineEvent, type EventContract } from '@anime/contracts';
import { z } from 'zod';
import type { NewEvent } from '../event.js';
import { testEvent } from './test-event.js';

/**
 * An event of a later version of this contract than any build knows.
 * @param data what its subject is made of (`executorId`); the rest nobody reads
 */
export function newerEvent(
  contract: EventContract,
  aggregateId: string,
  data: Readonly<Record<string, unknown>> = {},
): NewEvent {
  return testEvent(defineEvent({ ...contract, version: 99, data: z.looseObject({}) }), aggregateId, data);
}
