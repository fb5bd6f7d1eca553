import type { Batch, LogEntry } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import type { Database } from '../database.js';

export async function logWith(...events: Parameters<MemoryLog['append']>[0][]): Promise<MemoryLog> {
  const log = new MemoryLog();
  for (const event of events) await log.append(event);
  return log;
}

/** All of a log behind a position in one batch. */
export async function batchOf(log: MemoryLog, after = 0): Promise<Batch> {
  const entries: LogEntry[] = [];
  for await (const entry of log.read({ after })) entries.push(entry);
  const last = entries.at(-1);
  if (last?.status !== 'event') throw new Error('the log must end with an event');
  return {
    entries,
    checkpoint: { position: last.position, eventId: last.event.id },
    caughtUp: true,
    end: last.position,
  };
}

/** All rows of a table, in an order of their own. */
export const rowsOf = (database: Database, table: string): Promise<object[]> =>
  database.query(`select to_json(t) as row from ${database.table(table)} t order by 1::text`);
