import type { Batch, Checkpoint, EventLog } from '../../event-log.js';
import type { LogEntry } from '../../log-entry.js';

export const START: Checkpoint = { position: 0, eventId: '' };

/** Follows until caught up; what was handed over by then. */
export async function followAll(
  log: EventLog,
  after = START,
  maxBatch = 500,
): Promise<{ readonly entries: LogEntry[]; readonly batches: Batch[] }> {
  const stop = new AbortController();
  const batches: Batch[] = [];
  await log.follow({
    after,
    signal: stop.signal,
    maxBatch,
    onBatch: async (batch) => {
      batches.push(batch);
      if (batch.caughtUp) stop.abort();
    },
  });
  return { entries: batches.flatMap((batch) => batch.entries), batches };
}
