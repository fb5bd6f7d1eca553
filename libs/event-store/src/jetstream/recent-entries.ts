import type { JsMsg } from '@nats-io/jetstream';
import type { LogEntry } from '../log-entry.js';

/** Readers that follow the end of the log are seldom further apart. */
const SLOTS = 512;
/** Larger ones are read anew: together they would take much memory. */
const LARGEST_DATA = 8 * 1024;

interface Slot {
  readonly position: number;
  readonly storedAt: number;
  readonly entry: LogEntry;
}

/**
 * What the last messages are as entries. The readers of one process get the same messages at nearly the same time, and
 * reading one (JSON, schemas) is most of what a reader costs: so it is done once.
 */
export class RecentEntries {
  readonly #slots: (Slot | undefined)[] = [];

  /** The entry of this very message, judged by `classify` unless another reader just had it. Not fenced. */
  entry(message: JsMsg, classify: () => LogEntry): LogEntry {
    const { seq: position } = message;
    // The time tells it from the message at the same place of a stream that was made anew.
    const storedAt = message.info.timestampNanos;
    const slot = this.#slots[position % SLOTS];
    if (slot?.position === position && slot.storedAt === storedAt) return slot.entry;
    const entry = classify();
    if (message.data.byteLength <= LARGEST_DATA) this.#slots[position % SLOTS] = { position, storedAt, entry };
    return entry;
  }
}
