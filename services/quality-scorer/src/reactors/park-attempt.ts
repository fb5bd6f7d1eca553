import { DeadLetterScorerParkedV1, SCORER_DURABLE } from '@anime/contracts';
import { causedBy, deadLetterIdOf, deriveId, type EventLog, type RecordedEvent } from '@anime/event-store';
import { toProblem } from '@anime/problem-details';

/** Longest text of an error that goes into an event. */
const MESSAGE_LIMIT = 2_000;

/** Records that an event was given up, as a dead letter for people; its id is derived, so that a repeat adds nothing. */
export async function parkAttempt(
  { log, now }: { readonly log: EventLog; readonly now: () => string },
  event: RecordedEvent,
  error: unknown,
  deliveries: number,
): Promise<void> {
  const { code, message } = toProblem(error);
  await log.append({
    contract: DeadLetterScorerParkedV1,
    aggregateId: deadLetterIdOf(SCORER_DURABLE.name, event.id),
    id: deriveId(event.id, 'parked', SCORER_DURABLE.name),
    time: now(),
    actor: 'service:quality-scorer',
    ...causedBy(event),
    data: {
      consumer: SCORER_DURABLE.name,
      eventId: event.id,
      eventName: event.storedName,
      aggregateId: event.aggregateId,
      error: { code, message: message.slice(0, MESSAGE_LIMIT) },
      deliveries,
    },
  });
}
