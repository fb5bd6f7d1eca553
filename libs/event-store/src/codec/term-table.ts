import { SchedulerTermStartedV1 } from '@anime/contracts';
import { isEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';

/**
 * The terms of the log, folded from `scheduler.term-started`. A decision is fenced if and only if a term of a higher
 * epoch stands before it (architecture §5, Leader), so an answer needs every term before the asked position:
 * `completeTo` says how far this table knows them.
 */
export class TermTable {
  /** Only terms that raised the epoch, in log order: the last one before a position is the highest before it. */
  readonly #terms: { readonly position: number; readonly epoch: number }[] = [];
  #completeTo = 0;

  /** Every term at or before this position is in the table. */
  get completeTo(): number {
    return this.#completeTo;
  }

  /** Takes one entry; what stands at or before `completeTo` is known already. Entries must come in order. */
  add(entry: LogEntry): void {
    if (entry.position <= this.#completeTo) return;
    if (entry.status === 'event' && isEvent(entry.event, SchedulerTermStartedV1)) {
      const { epoch } = entry.event.data;
      if (epoch > (this.#terms.at(-1)?.epoch ?? 0)) this.#terms.push({ position: entry.position, epoch });
    }
    this.#completeTo = entry.position;
  }

  /** Says that no further term stands at or before this position. */
  completeUpTo(position: number): void {
    this.#completeTo = Math.max(this.#completeTo, position);
  }

  /** The highest epoch whose term stands before this position; 0 when there is none. */
  epochBefore(position: number): number {
    for (let i = this.#terms.length - 1; i >= 0; i -= 1) {
      const term = this.#terms[i];
      if (term !== undefined && term.position < position) return term.epoch;
    }
    return 0;
  }
}

/** The entry as it counts: an event of a term that had ended when it was stored becomes `fenced`. */
export function fence(entry: LogEntry, terms: TermTable): LogEntry {
  if (entry.status !== 'event' || entry.event.epoch === undefined) return entry;
  const term = terms.epochBefore(entry.position);
  return term > entry.event.epoch ? { status: 'fenced', position: entry.position, event: entry.event, term } : entry;
}
