import { DeadLetterScorerParkedV1, SCORER_DURABLE } from '@anime/contracts';
import type { EventLog, RecordedEvent } from '@anime/event-store';
import { parked } from '@anime/messaging';

/** Records that an event was given up, as a dead letter for people. */
export async function parkAttempt(
  { log, now }: { readonly log: EventLog; readonly now: () => string },
  event: RecordedEvent,
  error: unknown,
  deliveries: number,
): Promise<void> {
  await log.append({
    contract: DeadLetterScorerParkedV1,
    time: now(),
    actor: 'service:quality-scorer',
    ...parked(SCORER_DURABLE.name, event, error, deliveries),
  });
}
