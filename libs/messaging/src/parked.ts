import { causedBy, deadLetterIdOf, deriveId, type EventMeta, type RecordedEvent } from '@anime/event-store';
import { toProblem } from '@anime/problem-details';

/** Longest text of an error that goes into an event. */
const MESSAGE_LIMIT = 2_000;

/** A dead-letter event without what only the service knows: its contract, actor and time. */
export interface Parked extends Pick<EventMeta, 'id' | 'correlationId' | 'causationId' | 'traceparent'> {
  readonly aggregateId: string;
  /** What every contract of a dead letter holds. */
  readonly data: {
    readonly consumer: string;
    readonly eventId: string;
    readonly eventName: string;
    readonly aggregateId: string;
    readonly error: { readonly code: string; readonly message: string };
    readonly deliveries: number;
  };
}

/** The dead letter of an event that a consumer gave up. Its ids are derived, so that a repeat after an interruption adds nothing. */
export function parked(consumer: string, event: RecordedEvent, error: unknown, deliveries: number): Parked {
  const { code, message } = toProblem(error);
  return {
    aggregateId: deadLetterIdOf(consumer, event.id),
    id: deriveId(event.id, 'parked', consumer),
    ...causedBy(event),
    data: {
      consumer,
      eventId: event.id,
      eventName: event.storedName,
      aggregateId: event.aggregateId,
      error: { code, message: message.slice(0, MESSAGE_LIMIT) || code },
      deliveries,
    },
  };
}
