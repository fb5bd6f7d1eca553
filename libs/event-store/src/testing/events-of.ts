import type { EventContract } from '@anime/contracts';
import { isEvent, type EventOf, type RecordedEvent } from '../event.js';
import type { EventLog } from '../event-log.js';

/** The events of one contract on an aggregate, in the order of the log. */
export async function eventsOf<C extends EventContract>(
  log: EventLog,
  contract: C,
  aggregateId: string,
): Promise<(EventOf<C> & RecordedEvent)[]> {
  const found: (EventOf<C> & RecordedEvent)[] = [];
  for await (const entry of log.readAggregate(contract.aggregate, aggregateId)) {
    if (entry.status === 'event' && isEvent(entry.event, contract)) found.push(entry.event);
  }
  return found;
}
