import { DeadLetterScorerParkedV1, DeadLetterScorerSettledV1, JobExecutedV2, SCORER_DURABLE } from '@anime/contracts';
import { DeadLetters, DONE, defineReactor, type ConsumerTable } from '@anime/messaging';
import { isProblem } from '@anime/problem-details';
import { isUnscored, scoreAttempt, type ScoreDependencies } from './reactors/score-attempt.js';

/** A minute in all: a job waits no longer than that for scores that do not come. */
export const RETRIES = { maxDeliveries: 5, backoffMs: [1_000, 5_000, 15_000, 40_000] };

/** All that the quality-scorer reads, and how. */
export function consumers(deps: ScoreDependencies, retries: typeof RETRIES = RETRIES): ConsumerTable {
  const letters = new DeadLetters({
    log: deps.log,
    consumer: SCORER_DURABLE.name,
    parked: DeadLetterScorerParkedV1,
    settled: DeadLetterScorerSettledV1,
    now: deps.now,
  });
  return [
    defineReactor({
      kind: 'reactor',
      name: SCORER_DURABLE.name,
      durable: SCORER_DURABLE.name,
      events: [JobExecutedV2],
      ackWaitMs: 30_000,
      ...retries,
      concurrency: 2,
      isCurrent: (event) => isUnscored(deps, event),
      handle: async (event, { signal }) => {
        try {
          await scoreAttempt(deps, event, signal);
          return DONE;
        } catch (error) {
          // A blob that is missing or damaged may be restored; an event that the log refuses is hopeless.
          const hopeless = isProblem(error, 'event-too-large') || isProblem(error, 'event-invalid');
          return { kind: hopeless ? 'park' : 'retry', error };
        }
      },
      park: (event, error, deliveries) => letters.park(event, error, deliveries),
      replays: letters,
    }),
  ];
}
