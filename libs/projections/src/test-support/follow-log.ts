import type { Checkpoint, EventLog } from '@anime/event-store';
import { projectionRow, type ProjectionConsumer } from '../projection-row.js';
import type { Database } from '../database.js';
import type { Projection } from '../definition.js';

/** Reads on from the row's checkpoint to what is now the end of the log, in batches of at most `size`. */
export async function readToEnd(row: ProjectionConsumer, log: EventLog, size = 1_000): Promise<Checkpoint> {
  const end = await log.end();
  let at = await row.loadCheckpoint();
  const stop = new AbortController();
  await log.follow({
    after: at,
    signal: stop.signal,
    maxBatch: size,
    onBatch: async (batch) => {
      await row.onBatch(batch);
      at = batch.checkpoint;
      if (at.position >= end) stop.abort();
    },
  });
  return at;
}

/**
 * Follows the log as a service's consumer loop does: after every failure, and when the row lost its connection, it begins
 * again at a newly loaded checkpoint.
 */
export function followForEver(
  projection: Projection,
  database: Database,
  log: EventLog,
  maxBatch = 7,
): { stop(): Promise<void>; readonly failures: unknown[] } {
  const row = projectionRow(projection, database, 'rebuild');
  const abort = new AbortController();
  const failures: unknown[] = [];
  const { signal } = abort;
  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      const lost = new AbortController();
      try {
        const after = await row.loadCheckpoint({ signal, lost: (reason) => lost.abort(reason) });
        const either = AbortSignal.any([signal, lost.signal]);
        await log.follow({ after, signal: either, maxBatch, onBatch: row.onBatch });
        lost.signal.throwIfAborted();
      } catch (error) {
        if (signal.aborted) return;
        failures.push(error);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  };
  const running = loop();
  return {
    failures,
    stop: async () => {
      abort.abort();
      await running;
      await row.release();
    },
  };
}
