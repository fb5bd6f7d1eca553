import { DeadLetterDiscardedV1, DeadLetterReplayedV1, type EventContract, type EventData } from '@anime/contracts';
import { lastEventOnSubject, newerEntry, type EventLog, type RecordedEvent } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import type { ReplayedEvent } from './dead-letters.js';

/**
 * The event that a replay is about, as it would be delivered. Read by its id from its aggregate: positions change when a
 * log is imported, ids do not.
 * @param handled the contracts that the consumer has handlers for
 * @throws ProblemError `event-unhandled`, `event-missing`, `newer-contract`: the replay cannot succeed; `log-unavailable`
 */
export async function replayedEvent(
  log: Pick<EventLog, 'readAggregate'>,
  handled: readonly EventContract[],
  { consumer, eventId, eventName, aggregateId }: EventData<typeof DeadLetterReplayedV1>,
): Promise<RecordedEvent> {
  const contract = handled.find(({ type }) => type === eventName.replace(/\.v\d+$/, ''));
  if (contract === undefined)
    throw new ProblemError('event-unhandled', `${consumer} of this build has no handler for ${eventName}`);
  for await (const entry of log.readAggregate(contract.aggregate, aggregateId)) {
    if (entry.status === 'event' && entry.event.id === eventId && entry.event.type === contract.type)
      return entry.event;
    if (entry.status === 'newer' && entry.eventId === eventId) throw newerEntry(entry);
  }
  throw new ProblemError(
    'event-missing',
    `${contract.aggregate} ${aggregateId} has no valid ${eventName} with id ${eventId} in the log`,
  );
}

/**
 * False when the dead letter was discarded, or replayed once more, since this replay was asked for: only the newest wish counts.
 * @throws ProblemError `newer-contract`, `log-unavailable`
 */
export async function isNewestWish(
  log: Pick<EventLog, 'lastOnSubject' | 'readAggregate'>,
  replay: ReplayedEvent,
): Promise<boolean> {
  const last = await lastEventOnSubject(log, [DeadLetterReplayedV1, DeadLetterDiscardedV1], replay.aggregateId);
  return last === undefined || last.id === replay.id;
}
