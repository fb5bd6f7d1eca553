import type { EventContract, EventData } from '@anime/contracts';
import type { EventMeta, NewEvent } from '../event.js';
import { uuidv7 } from '../ids.js';

export type TestMeta = Partial<EventMeta>;

/** A new event for a test: what the test does not care about is filled in (a new id, a fixed time, its own correlation). */
export function testEvent<C extends EventContract>(
  contract: C,
  aggregateId: string,
  data: EventData<C>,
  meta: TestMeta = {},
): NewEvent<C> {
  const id = meta.id ?? uuidv7();
  return {
    contract,
    aggregateId,
    data,
    time: '2026-01-02T03:04:05.678Z',
    correlationId: id,
    actor: `service:${contract.producer}`,
    ...meta,
    id,
  };
}
