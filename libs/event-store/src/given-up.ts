import { EXECUTOR_ORDERS, type JobExecutedV2 } from '@anime/contracts';
import type { EventLog } from './event-log.js';
import type { EventOf, RecordedEvent } from './event.js';
import { lastEventOnSubject } from './last-event-on-subject.js';

/**
 * Currency of an executed attempt: true when its executor was given up before it reported, or got the job again since.
 * Its outputs are not the job's work then: another attempt's are.
 * @throws ProblemError `newer-contract`, `log-unavailable`
 */
export async function wasGivenUp(
  log: EventLog,
  { aggregateId, data }: EventOf<typeof JobExecutedV2> & RecordedEvent,
): Promise<boolean> {
  const last = await lastEventOnSubject(log, EXECUTOR_ORDERS, aggregateId, data.executorId);
  switch (last?.type) {
    case undefined:
      return false;
    case 'job.attempt-lost':
      return true;
    case 'job.assigned':
    case 'job.cancel-ordered':
      return last.data.attempt !== data.attempt;
  }
}
