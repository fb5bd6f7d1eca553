import { setTimeout as delay } from 'node:timers/promises';
import { ApiKeyIssuedV1, ApiKeyRevokedV1 } from '@anime/contracts';
import { kindUntilNow, type EventLog } from '@anime/event-store';
import type { ProcessRow } from '@anime/messaging';
import type { KeyRing } from './key-ring.js';

/**
 * The row of a consumer table that fills a key ring: at first with the events of keys alone, however long the log is, then
 * live from its end on.
 */
export function keyRingRow(ring: KeyRing, log: Pick<EventLog, 'end' | 'read' | 'readKind'>): ProcessRow {
  return {
    kind: 'process',
    name: 'api-keys',
    events: [ApiKeyIssuedV1, ApiKeyRevokedV1],
    maxBatch: 1_000,
    loadCheckpoint: async ({ refused }) => {
      if (refused === undefined && ring.checkpoint.position > 0) return ring.checkpoint;
      ring.restart();
      const { entries, checkpoint } = await kindUntilNow(log, 'api-key');
      ring.take({ entries, checkpoint, caughtUp: false });
      return checkpoint;
    },
    onBatch: async (batch) => ring.take(batch),
  };
}

const LOOK_EVERY_MS = 1_000;
/** A ring that is so far behind is looked at anew: the log may be another one meanwhile. */
const CATCH_UP_MS = 10_000;

/**
 * Finds out each second whether a key ring knows all that is in the log, so that it knows how old its knowledge is: a
 * reader to which nothing comes may be up to date, or cut off. Until the signal aborts; never throws.
 * @param clock that of the ring
 */
export async function watchKeyRing(
  ring: KeyRing,
  log: Pick<EventLog, 'end'>,
  signal: AbortSignal,
  clock: () => number = () => performance.now(),
): Promise<void> {
  while (!signal.aborted) {
    const at = clock();
    try {
      if (await ring.reached(await log.end(), CATCH_UP_MS)) ring.wasCurrent(at);
    } catch {
      // The log is away: the knowledge grows older, which is what is wanted.
    }
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
  }
}
