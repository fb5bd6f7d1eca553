import { ProblemError } from '@anime/problem-details';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { checkpointMismatch } from '../checkpoint-mismatch.js';
import { checkpointId } from '../codec/stored-message.js';
import type { TermTable } from '../codec/term-table.js';
import type { Checkpoint } from '../event-log.js';
import type { EntrySource } from './entry-source.js';
import type { Follower } from './follower.js';
import { gather } from './gather.js';
import { logBounds } from './log-bounds.js';
import { logProblem } from './log-faults.js';
import type { LogReaders } from './log-readers.js';
import type { NatsLink } from './nats-link.js';
import { emptyPassage, endOf, extended, isSame, leadsOnFrom, type Passage, type Read } from './passage.js';
import { pause } from './pause.js';

const RETRY_MS = 250;
/** How long those who are done wait for the others. */
const PATIENCE_MS = 500;
/** Messages that are kept for who comes a little later, while there is more to read. */
const KEPT = 1_000;

export interface SharedReaderOptions {
  readonly link: NatsLink;
  readonly source: EntrySource;
  readonly readers: LogReaders;
  /** Takes a follower that the others did not wait for, once it is done with what it was handed. */
  readonly onLate: (follower: Follower) => void;
  /** Called when all are done: may take them away, with `moveTo`. */
  readonly onBetween: () => void;
}

/**
 * Reads the log once for followers that stand at the same place, as reading a message (NATS, JSON, schemas) costs more than
 * most of them do with it. All wait for the slowest, but not for long: then it is not of them any more. So whatever happens
 * where they stand happens to all of them. It ends when nobody is left.
 */
export class SharedReader {
  readonly #options: SharedReaderOptions;
  readonly #followers = new Set<Follower>();
  /** Those of them who are not done with what they were handed. */
  readonly #busy = new Set<Follower>();
  readonly #left = new AbortController();
  /** What they were handed last, and a little before it. */
  #passage: Passage;
  /** Called when somebody is done or gone. */
  #onChange: (() => void) | undefined;
  /** The place behind which the last consumer skipped messages. */
  #gapAt = -1;

  /** @param after the place of the first follower */
  constructor(after: Checkpoint, options: SharedReaderOptions) {
    this.#options = options;
    this.#passage = emptyPassage(after);
  }

  /** Where all stand who are done. */
  get at(): Checkpoint {
    return endOf(this.#passage);
  }

  standsAt(place: Checkpoint): boolean {
    return this.#followers.size > 0 && isSame(this.at, place);
  }

  /** Whether it stands at a place, or was there a little ago and has what it read since. */
  canTake(place: Checkpoint): boolean {
    return this.#followers.size > 0 && leadsOnFrom(this.#passage, place);
  }

  /** Takes a follower on, who stands where `canTake` says. */
  add(follower: Follower): void {
    this.#followers.add(follower);
    follower.onEnd = () => this.#remove(follower);
    void this.#hand(follower);
  }

  /** Gives all away who are done. */
  moveTo(other: SharedReader): void {
    for (const follower of this.#followers) {
      if (this.#busy.has(follower)) continue;
      this.#remove(follower);
      other.add(follower);
    }
  }

  /** Until no follower is left. */
  async run(): Promise<void> {
    while (this.#followers.size > 0) {
      const before = this.at.position;
      try {
        await this.#session();
      } catch (error) {
        const problem = logProblem(error, 'following the log');
        if (problem.code !== 'log-unavailable' || this.#options.link.closed) await this.#fail(problem);
      }
      if (this.at.position === before) await pause(RETRY_MS, this.#left.signal);
    }
  }

  /** Reads with one consumer until nobody is left, the connection is lost, or it ends or skips a message. */
  async #session(): Promise<void> {
    const { link, source, readers } = this.#options;
    const { signal } = this.#left;
    // All stand at its end, so that one check of the place does for all. What it kept may come from another log.
    await this.#settle();
    this.#passage = emptyPassage(this.at);
    const nc = await Promise.race([link.connected(), aborted(signal)]);
    if (nc === undefined) return;
    const { first, end } = await logBounds(nc, link, source.options.stream);
    const { at } = this;
    await verify(nc, source, at);
    if (at.position >= end) await this.#handOut({ items: [], caughtUp: true, end });
    const terms = await source.termsUpTo(nc, at.position);
    if (signal.aborted) return;
    const start = at.position === 0 ? first : at.position + 1;
    const { messages, stop } = await readers.open(nc, start);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      await this.#consume(nc, messages, { terms, start, end });
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #consume(
    nc: NatsConnection,
    messages: ConsumerMessages,
    from: { readonly terms: TermTable; readonly start: number; readonly end: number },
  ): Promise<void> {
    let { start: expected, end } = from;
    let skipped = false;
    const read = (delivered: JsMsg): Read | undefined => {
      skipped = delivered.seq !== expected;
      if (skipped) return undefined;
      expected += 1;
      end = Math.max(end, delivered.seq + delivered.info.pending);
      return this.#options.source.next(delivered, from.terms);
    };
    // Who takes less at once is handed it in parts.
    const maxBatch = Math.max(...[...this.#followers].map((follower) => follower.maxBatch));
    for await (const { items, drained } of gather(messages, maxBatch, read)) {
      if (this.#left.signal.aborted) return;
      const position = items.at(-1)?.entry.position ?? 0;
      await this.#handOut({ items, caughtUp: drained && !skipped && position >= end, end });
      this.#options.onBetween();
      if (this.#left.signal.aborted || !this.#options.link.state.connected) return;
    }
    if (skipped) await this.#checkGap(nc, expected);
  }

  /** Hands what was read next to all, and returns when all who are left have done with it. */
  async #handOut(more: Pick<Passage, 'items' | 'caughtUp' | 'end'>): Promise<void> {
    await this.#settle(); // who came since may still be at what was before
    this.#passage = extended(this.#passage, more, KEPT);
    const all = [...this.#followers]; // whoever joins while a handler begins is handed it by `add`
    for (const follower of all) void this.#hand(follower);
    await this.#settle();
    // Nothing comes soon that would let go of it.
    if (more.caughtUp) this.#passage = { ...more, after: this.at, items: [] };
  }

  async #hand(follower: Follower): Promise<void> {
    this.#busy.add(follower);
    await follower.take(this.#passage);
    if (this.#busy.delete(follower)) this.#onChange?.();
    else if (!follower.over) this.#options.onLate(follower);
  }

  /** Until nobody is busy. When somebody who is done has waited long enough for the others, these leave. */
  async #settle(): Promise<void> {
    while (this.#busy.size > 0) {
      const change = new AbortController();
      const waiting = this.#somebodyWaits();
      this.#onChange = () => {
        if (this.#busy.size === 0 || this.#somebodyWaits() !== waiting) change.abort();
      };
      await (waiting ? pause(PATIENCE_MS, change.signal) : aborted(change.signal));
      if (change.signal.aborted) continue;
      for (const late of this.#busy) this.#followers.delete(late);
      this.#busy.clear();
    }
  }

  #somebodyWaits(): boolean {
    return this.#busy.size < this.#followers.size;
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower);
    this.#busy.delete(follower);
    if (this.#followers.size === 0) this.#left.abort();
    this.#onChange?.();
  }

  /** Ends all, as all stand where it cannot be read on. */
  async #fail(problem: ProblemError): Promise<void> {
    await this.#settle();
    for (const follower of this.#followers) follower.fail(problem);
  }

  /** A second gap at the same place is not the consumer's: the log itself lacks the message. */
  async #checkGap(nc: NatsConnection, missing: number): Promise<void> {
    if (this.#gapAt === missing && (await this.#options.source.get(nc, { seq: missing })) === undefined) {
      throw new ProblemError(
        'log-incompatible',
        `the log lacks the message at position ${missing} though later ones are there: restore it from a backup`,
      );
    }
    this.#gapAt = missing;
  }
}

/**
 * Compares a place with the log.
 * @throws ProblemError `checkpoint-mismatch` when that has something else there
 */
async function verify(nc: NatsConnection, source: EntrySource, at: Checkpoint): Promise<void> {
  if (at.position === 0) return;
  const message = await source.get(nc, { seq: at.position });
  const found = message === undefined ? undefined : checkpointId(message);
  if (found === at.eventId) return;
  source.reset(); // its terms may come from the other log, too
  throw checkpointMismatch(at, found);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
