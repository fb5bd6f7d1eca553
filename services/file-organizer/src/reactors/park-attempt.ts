import { DeadLetterOrganizerParkedV1, JobExecutedV1, JobOrganiseFailedV1, ORGANIZER_DURABLE } from '@anime/contracts';
import { causedBy, deriveId, isEvent, type EventLog, type RecordedEvent } from '@anime/event-store';
import { parked } from '@anime/messaging';

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
  const letter = parked(ORGANIZER_DURABLE.name, event, error, deliveries);
  const meta = { time: now(), actor: 'service:file-organizer' };
  if (isEvent(event, JobExecutedV1)) {
    await log.append({
      contract: JobOrganiseFailedV1,
      aggregateId: event.aggregateId,
      id: deriveId(event.id, 'organise-failed'),
      ...meta,
      ...causedBy(event),
      data: { attempt: event.data.attempt, ...letter.data.error },
    });
  }
  await log.append({ contract: DeadLetterOrganizerParkedV1, ...meta, ...letter });
}
