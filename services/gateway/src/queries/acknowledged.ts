import type { Aggregate } from '@anime/contracts';
import type { EventLog } from '@anime/event-store';
import type { WaitOptions } from '@anime/projections';
import { lookAtLog } from '../time-limit.js';
import type { Reached } from './waiting.js';

/**
 * What a read-model shows of an aggregate. One that is in the log but not in the read-model yet is not unknown: then it
 * waits for the read-model to pass it.
 * @returns undefined when the log does not know it either
 * @throws ProblemError `position-not-reached`, `read-model-unavailable`, `log-unavailable`
 */
export async function acknowledged<T>(
  { log, reads, waiting }: { log: Pick<EventLog, 'lastOfAggregate'>; reads: Reached; waiting: WaitOptions },
  aggregate: Aggregate,
  id: string,
  get: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const seen = await get();
  if (seen !== undefined) return seen;
  const last = await lookAtLog(log.lastOfAggregate(aggregate, id));
  if (last === undefined) return undefined;
  await reads.waitFor(last.position, waiting);
  return get();
}
