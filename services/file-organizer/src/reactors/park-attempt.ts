import { DeadLetterOrganizerParkedV1, JobExecutedV1, JobOrganiseFailedV1, ORGANIZER_DURABLE } from '@anime/contracts';
import { causedBy, deadLetterIdOf, deriveId, isEvent, type EventLog, type RecordedEvent } from '@anime/event-store';
import { toProblem } from '@anime/problem-details';

/** Longest text of an error that goes into an event. */
const MESSAGE_LIMIT = 2_000;

/**
 * Records that an event was given up: `job.organise-failed` for the job, which ends by it, and a dead letter for people.
 * Both ids are derived, so that a repeat after an interruption adds nothing.
 */
export async function parkAttempt(
  { log, now }: { readonly log: EventLog; readonly now: () => string },
  event: RecordedEvent,
  error: unknown,
  deliveries: number,
): Promise<void> {
  const { code, message } = toProblem(error);
  const reason = { code, message: message.slice(0, MESSAGE_LIMIT) || code };
  const meta = { time: now(), actor: 'service:file-organizer', ...causedBy(event) };
  if (isEvent(event, JobExecutedV1)) {
    await log.append({
      contract: JobOrganiseFailedV1,
      aggregateId: event.aggregateId,
      id: deriveId(event.id, 'organise-failed'),
      ...meta,
      data: { attempt: event.data.attempt, ...reason },
    });
  }
  await log.append({
    contract: DeadLetterOrganizerParkedV1,
    aggregateId: deadLetterIdOf(ORGANIZER_DURABLE.name, event.id),
    id: deriveId(event.id, 'parked', ORGANIZER_DURABLE.name),
    ...meta,
    data: {
      consumer: ORGANIZER_DURABLE.name,
      eventId: event.id,
      eventName: event.storedName,
      aggregateId: event.aggregateId,
      error: reason,
      deliveries,
    },
  });
}
