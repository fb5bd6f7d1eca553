import type { Aggregate } from '@anime/contracts';
import type { Checkpoint, EventLog } from './event-log.js';
import { entryId, type LogEntry } from './log-entry.js';
import { newerEntry } from './newer-contract.js';

/** How far back to look for an entry that tells its id, as a checkpoint needs one; what is void does not. */
const STEPS = [100, 10_000];

/**
 * A checkpoint at the end of the log as it is now, or shortly before: for readers that begin there.
 * @throws ProblemError `log-unavailable`
 */
export async function endOfLog(log: Pick<EventLog, 'end' | 'read'>): Promise<Checkpoint> {
  const end = await log.end();
  for (const step of STEPS) {
    const after = Math.max(0, end - step);
    let last: Checkpoint | undefined;
    for await (const entry of log.read({ after, to: end })) {
      const eventId = entryId(entry);
      if (eventId !== undefined) last = { position: entry.position, eventId };
    }
    if (last !== undefined || after === 0) return last ?? { position: 0, eventId: '' };
  }
  return { position: 0, eventId: '' };
}

/**
 * All that the log holds of one kind of aggregate, however long the log is, and the place from which a reader goes on so that
 * nothing falls between; what it reads twice must change nothing.
 * @throws ProblemError `newer-contract`, `log-unavailable`
 */
export async function kindUntilNow(
  log: Pick<EventLog, 'end' | 'read' | 'readKind'>,
  aggregate: Aggregate,
): Promise<{ readonly entries: readonly LogEntry[]; readonly checkpoint: Checkpoint }> {
  const checkpoint = await endOfLog(log);
  const entries: LogEntry[] = [];
  for await (const entry of log.readKind(aggregate)) {
    if (entry.status === 'newer') throw newerEntry(entry);
    entries.push(entry);
  }
  return { entries, checkpoint };
}
