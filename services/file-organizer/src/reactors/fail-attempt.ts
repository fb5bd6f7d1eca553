import { JobExecutedV2, JobOrganiseFailedV1 } from '@anime/contracts';
import { causedBy, deriveId, isEvent, type EventLog, type RecordedEvent } from '@anime/event-store';
import { failureData } from '@anime/messaging';

/**
 * Tells the job of an event that was given up, by `job.organise-failed`: it ends by it. The id is derived, so that a repeat
 * after an interruption adds nothing.
 */
export async function failAttempt(
  { log, now }: { readonly log: EventLog; readonly now: () => string },
  event: RecordedEvent,
  error: unknown,
): Promise<void> {
  if (!isEvent(event, JobExecutedV2)) return;
  await log.append({
    contract: JobOrganiseFailedV1,
    aggregateId: event.aggregateId,
    id: deriveId(event.id, 'organise-failed'),
    time: now(),
    actor: 'service:file-organizer',
    ...causedBy(event),
    data: { attempt: event.data.attempt, ...failureData(error) },
  });
}
