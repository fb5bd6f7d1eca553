import type { Batch, Checkpoint } from '../event-log.js';
import { checkpointId, type StoredMessage } from '../codec/stored-message.js';
import type { LogEntry } from '../log-entry.js';

/** One message of the log, and what it was judged to be. */
export interface Read {
  readonly entry: LogEntry;
  readonly message: StoredMessage;
}

/** A stretch of the log without a gap; `caughtUp` and `end` as a batch has them, when the last of it was read. */
export interface Passage extends Pick<Batch, 'caughtUp' | 'end'> {
  /** What stands before the first of `items`. */
  readonly after: Checkpoint;
  readonly items: readonly Read[];
}

export function emptyPassage(after: Checkpoint): Passage {
  return { after, items: [], caughtUp: false, end: after.position };
}

export function checkpointOf({ message }: Read): Checkpoint {
  return { position: message.position, eventId: checkpointId(message) };
}

export function isSame(one: Checkpoint, other: Checkpoint): boolean {
  return one.position === other.position && one.eventId === other.eventId;
}

/** The place at its end. */
export function endOf({ after, items }: Passage): Checkpoint {
  const last = items.at(-1);
  return last === undefined ? after : checkpointOf(last);
}

/** What stands in it behind a position. */
export function behind({ items }: Passage, position: number): readonly Read[] {
  const first = items[0]?.entry.position ?? 0;
  return items.slice(Math.max(0, position + 1 - first));
}

/** Whether what follows the place, in its log, is in the passage from there to its end. */
export function leadsOnFrom(passage: Passage, place: Checkpoint): boolean {
  if (isSame(passage.after, place)) return true;
  const at = passage.items[place.position - (passage.items[0]?.entry.position ?? 0)];
  return at !== undefined && isSame(checkpointOf(at), place);
}

/** The passage with more behind its end; of what it had, the last `keep` messages (at least one). */
export function extended(passage: Passage, more: Pick<Passage, 'items' | 'caughtUp' | 'end'>, keep: number): Passage {
  const dropped = passage.items.at(-keep - 1);
  return {
    ...more,
    after: dropped === undefined ? passage.after : checkpointOf(dropped),
    items: [...passage.items.slice(-keep), ...more.items],
  };
}
