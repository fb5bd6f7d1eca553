import { eventSubject, type EventContract } from '@anime/contracts';
import type { EventLog } from './event-log.js';
import { isEvent, type EventOf, type RecordedEvent } from './event.js';
import type { LogEntry } from './log-entry.js';
import { newerContract } from './newer-contract.js';

/**
 * The newest event of these contracts that counts: what lies behind it on their subject without effect (void, fenced,
 * unknown, or of another contract) does not hide it. One `last_by_subj` when the subject ends with it, as it nearly
 * always does; else the whole aggregate is read, one request for each event.
 *
 * An expectation must count what has no effect, too: its position is that of `lastOnSubject` or `lastOfAggregate`, asked
 * for before this.
 * @param contracts all of one subject form and producer
 * @param executorId for contracts of form `executor`
 * @returns undefined when there is none
 * @throws ProblemError `newer-contract` when the newest of these types is of a newer version than this build knows;
 *   `log-unavailable`
 */
export async function lastEventOnSubject<Contracts extends readonly [EventContract, ...EventContract[]]>(
  log: Pick<EventLog, 'lastOnSubject' | 'readAggregate'>,
  contracts: Contracts,
  aggregateId: string,
  executorId?: string,
): Promise<(EventOf<Contracts[number]> & RecordedEvent) | undefined> {
  const [{ aggregate }] = contracts;
  const last = await log.lastOnSubject(contracts[0], aggregateId, executorId);
  if (last === undefined) return undefined;
  let newest = answerIn<Contracts[number]>(last, contracts);
  if (newest === undefined) {
    // The root is the log's own affair: what follows it tells the subjects of one aggregate apart.
    const place = eventSubject('', contracts[0], aggregateId, { executorId });
    for await (const entry of log.readAggregate(aggregate, aggregateId)) {
      const answer = answerIn<Contracts[number]>(entry, contracts);
      if (answer?.subject.endsWith(place) === true) newest = answer;
    }
  }
  if (newest === undefined || 'event' in newest) return newest?.event;
  throw newerContract(aggregate, aggregateId, newest);
}

type Answer<C extends EventContract> =
  | { readonly subject: string; readonly event: EventOf<C> & RecordedEvent }
  | { readonly subject: string; readonly name: string; readonly position: number };

/** What an entry says about these contracts; undefined when it says nothing. An event's subject comes without the root. */
function answerIn<C extends EventContract>(entry: LogEntry, contracts: readonly C[]): Answer<C> | undefined {
  if (entry.status === 'newer') return contracts.some(({ type }) => type === entry.type) ? entry : undefined;
  if (entry.status !== 'event') return undefined;
  for (const contract of contracts) {
    const { event } = entry;
    if (isEvent(event, contract)) return { subject: eventSubject('', contract, event.aggregateId, event.data), event };
  }
  return undefined;
}
