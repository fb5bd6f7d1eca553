import { eventually } from '@anime/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import type { Batch, Checkpoint } from '../../event-log.js';
import type { JetStreamLog } from '../../jetstream/jetstream-log.js';
import type { LogEntry } from '../../log-entry.js';
import { START } from '../conformance/follow-all.js';
import { cancelRequested } from '../conformance/samples.js';
import type { Studio } from './studio.js';

export interface Following {
  readonly entries: LogEntry[];
  readonly positions: () => number[];
  readonly caughtUp: () => boolean;
  readonly ended: Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface How {
  readonly after?: Checkpoint;
  readonly maxBatch?: number;
  /** Default true. */
  readonly together?: boolean;
  /** Awaited for each batch, before it counts as read. */
  readonly work?: (batch: Batch) => Promise<void>;
}

/** Follows until stopped, and keeps what it is handed. */
export function follow(log: JetStreamLog, { after = START, maxBatch, together = true, work }: How = {}): Following {
  const stop = new AbortController();
  const entries: LogEntry[] = [];
  let caughtUp = false;
  const ended = log.follow({
    after,
    signal: stop.signal,
    together,
    ...(maxBatch === undefined ? {} : { maxBatch }),
    onBatch: async (batch) => {
      await work?.(batch);
      entries.push(...batch.entries);
      caughtUp = batch.caughtUp;
    },
  });
  ended.catch(() => undefined); // a test that fails does not await it
  const positions = (): number[] => entries.map(({ position }) => position);
  return { entries, positions, caughtUp: () => caughtUp, ended, stop: () => (stop.abort(), ended) };
}

/** Positions from one to another. */
export const upTo = (end: number, from = 1): number[] =>
  Array.from({ length: end - from + 1 }, (_, index) => from + index);
export const hasRead = (one: Following, end: number) =>
  eventually(() => one.positions().at(-1) === end && one.caughtUp(), { what: `all was read, up to ${end}` });

/** A log of so many events, and the checkpoint at each. */
export async function filled(studio: Studio, count: number) {
  const log = studio.open({ name: 'together' });
  const events = Array.from({ length: count }, () => cancelRequested());
  for (const event of events) await log.append(event);
  const at = (position: number): Checkpoint => ({ position, eventId: events[position - 1]?.id ?? '' });
  return { studio, log, at };
}

/** Names of the consumers that read the log. */
export async function consumers({ nc, stream }: Studio): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of (await jetstreamManager(nc)).consumers.list(stream)) found.push(name);
  return found;
}
