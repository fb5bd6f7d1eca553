import { ProblemError } from '@anime/problem-details';
import type { ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { checkpointMismatch } from '../checkpoint-mismatch.js';
import { checkpointId, type StoredMessage } from '../codec/stored-message.js';
import type { TermTable } from '../codec/term-table.js';
import type { LogEntry } from '../log-entry.js';
import type { EntrySource } from './entry-source.js';
import type { Follower } from './follower.js';
import { gather } from './gather.js';
import { logBounds } from './log-bounds.js';
import { logProblem } from './log-faults.js';
import type { LogReaders } from './log-readers.js';
import type { NatsLink } from './nats-link.js';
import { pause } from './pause.js';

const RETRY_MS = 250;
/** How long those who are done with a batch wait for the others: the end of a key must be seen within a second. */
const PATIENCE_MS = 500;

interface Read {
  readonly entry: LogEntry;
  readonly message: StoredMessage;
}

export interface SharedReaderOptions {
  readonly link: NatsLink;
  readonly source: EntrySource;
  readonly readers: LogReaders;
  /** Takes a follower that the others did not wait for, once it is done with its batch. */
  readonly onLate: (follower: Follower) => void;
  /** Called between batches: may take all followers away, with `moveTo`. */
  readonly onBetween: () => void;
}

/**
 * Reads the log once for followers that are near each other, as reading a message (NATS, JSON, schemas) costs more than most of
 * them do with it: opens consumer after consumer behind the hindmost; each is handed what it has not had, and all wait for
 * the slowest, but not for long. It ends when nobody is left.
 */
export class SharedReader {
  readonly #options: SharedReaderOptions;
  readonly #followers = new Set<Follower>();
  /** Aborts what is under way, as the followers are others now. */
  #change = new AbortController();
  /** Ends the wait for the first follower that is done with a batch. */
  #hurry: (() => void) | undefined;
  /** The place behind which the last consumer skipped messages. */
  #gapAt = -1;

  constructor(options: SharedReaderOptions) {
    this.#options = options;
  }

  /** Where the hindmost follower is. */
  get position(): number {
    let position = Infinity;
    for (const { at } of this.#followers) position = Math.min(position, at.position);
    return position;
  }

  /** Takes a follower on: what is under way begins anew behind the hindmost. */
  add(follower: Follower): void {
    this.#followers.add(follower);
    follower.onEnd = () => {
      this.#followers.delete(follower);
      if (this.#followers.size === 0) this.#changed();
    };
    this.#changed();
  }

  /** Gives all followers away. */
  moveTo(other: SharedReader): void {
    const followers = [...this.#followers];
    this.#followers.clear();
    this.#changed();
    for (const follower of followers) other.add(follower);
  }

  /** Until no follower is left. */
  async run(): Promise<void> {
    while (this.#followers.size > 0) {
      this.#change = new AbortController();
      const { signal } = this.#change;
      const before = this.position;
      try {
        await this.#session(signal);
      } catch (error) {
        const problem = logProblem(error, 'following the log');
        if (problem.code !== 'log-unavailable' || this.#options.link.closed) this.#fail(problem);
      }
      if (this.position === before) await pause(RETRY_MS, signal);
    }
  }

  /** Reads with one consumer until the followers change, the connection is lost, or it ends or skips a message. */
  async #session(signal: AbortSignal): Promise<void> {
    const { link, source, readers } = this.#options;
    const nc = await Promise.race([link.connected(), aborted(signal)]);
    if (nc === undefined) return;
    const { first, end } = await logBounds(nc, link, source.options.stream);
    for (const follower of this.#followers) await verify(nc, source, follower);
    await this.#each(async (follower) => {
      if (follower.at.position >= end) await follower.tellCaughtUp();
    });
    const { position } = this;
    if (signal.aborted || this.#followers.size === 0) return;
    const terms = await source.termsUpTo(nc, position);
    const start = position === 0 ? first : position + 1;
    const { messages, stop } = await readers.open(nc, start);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      await this.#consume(nc, messages, { terms, start, end, signal });
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #consume(
    nc: NatsConnection,
    messages: ConsumerMessages,
    from: { readonly terms: TermTable; readonly start: number; readonly end: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { signal, terms } = from;
    let { start: expected, end } = from;
    let skipped = false;
    const read = (delivered: JsMsg): Read | undefined => {
      skipped = delivered.seq !== expected;
      if (skipped) return undefined;
      expected += 1;
      end = Math.max(end, delivered.seq + delivered.info.pending);
      return this.#options.source.next(delivered, terms);
    };
    const maxBatch = Math.min(...[...this.#followers].map((follower) => follower.maxBatch));
    for await (const { items, drained } of gather(messages, maxBatch, read)) {
      if (signal.aborted) return;
      const last = items.at(-1)?.message;
      if (last === undefined) continue;
      const batch = {
        entries: items.map(({ entry }) => entry),
        checkpoint: { position: last.position, eventId: checkpointId(last) },
        caughtUp: drained && !skipped && last.position >= end,
        end,
      };
      await this.#each((follower) => follower.take(batch));
      this.#options.onBetween();
      if (signal.aborted || !this.#options.link.state.connected) return;
    }
    if (skipped) await this.#checkGap(nc, expected);
  }

  /**
   * Gives every follower something to do at the same time, and returns when all have done it. Who has done it, or has just
   * come, waits a while for the others; these leave then.
   */
  async #each(give: (follower: Follower) => Promise<void>): Promise<void> {
    const late = new Set(this.#followers);
    if (late.size === 0) return;
    const first = Promise.withResolvers<void>();
    this.#hurry = first.resolve;
    const tasks = [...late].map(async (follower) => {
      await give(follower);
      first.resolve();
      if (!late.delete(follower)) this.#options.onLate(follower);
    });
    await first.promise;
    if (late.size === 0) return;
    const done = new AbortController();
    void Promise.all(tasks).then(() => done.abort());
    await pause(PATIENCE_MS, done.signal);
    for (const follower of late) this.#followers.delete(follower);
    late.clear();
  }

  #changed(): void {
    this.#change.abort();
    this.#hurry?.();
  }

  #fail(problem: ProblemError): void {
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

/** Compares a follower's place with the log, and ends it when that has something else there. */
async function verify(nc: NatsConnection, source: EntrySource, follower: Follower): Promise<void> {
  const { at } = follower;
  if (at.position === 0) return;
  const message = await source.get(nc, { seq: at.position });
  const found = message === undefined ? undefined : checkpointId(message);
  if (found === at.eventId) return;
  source.reset(); // its terms may come from the other log, too
  follower.fail(checkpointMismatch(at, found));
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
