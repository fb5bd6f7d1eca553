import {
  DeadLetterOrganizerParkedV1,
  DeadLetterOrganizerSettledV1,
  JobExecutedV2,
  ORGANIZER_DURABLE,
} from '@anime/contracts';
import { DeadLetters, DONE, defineReactor, type ConsumerTable } from '@anime/messaging';
import { isProblem } from '@anime/problem-details';
import { isUnorganised, organiseAttempt, type OrganiseDependencies } from './reactors/organise-attempt.js';
import { failAttempt } from './reactors/fail-attempt.js';

/** About 20 minutes in all: long enough for somebody to make room on a full disk. */
export const RETRIES = {
  maxDeliveries: 10,
  backoffMs: [1_000, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000],
};

/** All that the file-organizer reads, and how. */
export function consumers(deps: OrganiseDependencies, retries: typeof RETRIES = RETRIES): ConsumerTable {
  const letters = new DeadLetters({
    log: deps.log,
    consumer: ORGANIZER_DURABLE.name,
    parked: DeadLetterOrganizerParkedV1,
    settled: DeadLetterOrganizerSettledV1,
    now: deps.now,
  });
  return [
    defineReactor({
      kind: 'reactor',
      name: ORGANIZER_DURABLE.name,
      durable: ORGANIZER_DURABLE.name,
      events: [JobExecutedV2],
      ackWaitMs: 30_000,
      ...retries,
      concurrency: 4,
      isCurrent: (event) => isUnorganised(deps.log, event),
      handle: async (event, { signal }) => {
        try {
          await organiseAttempt(deps, event, signal);
          return DONE;
        } catch (error) {
          // A blob that is missing or damaged may be restored, and pictures are worth the wait; an event that the log refuses is hopeless.
          const hopeless = isProblem(error, 'event-too-large') || isProblem(error, 'event-invalid');
          return { kind: hopeless ? 'park' : 'retry', error };
        }
      },
      // First the job, which ends by it; a replay that fails again tells it nothing new.
      park: async (event, error, deliveries) => {
        await failAttempt(deps, event, error);
        await letters.park(event, error, deliveries);
      },
      replays: letters,
    }),
  ];
}
