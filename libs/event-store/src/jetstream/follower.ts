import { ProblemError } from '@anime/problem-details';
import type { ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { checkpointMismatch } from '../checkpoint-mismatch.js';
import { checkpointId, type StoredMessage } from '../codec/stored-message.js';
import type { TermTable } from '../codec/term-table.js';
import type { Batch, Checkpoint, FollowOptions } from '../event-log.js';
import type { LogEntry } from '../log-entry.js';
import { gather } from './gather.js';
import type { EntrySource } from './entry-source.js';
import { logBounds } from './log-bounds.js';
import { logProblem } from './log-faults.js';
import type { LogReaders } from './log-readers.js';
import type { NatsLink } from './nats-link.js';
import { pause } from './pause.js';

const RETRY_MS = 250;

/** One reader of the whole log: keeps its place, and opens consumer after consumer behind it. */
export class Follower {
  #at: Checkpoint;
  /** False until a batch said `caughtUp`; a reader that finds nothing behind its place is told so once. */
  #told = false;
  #handlerFailed = false;
  /** The place behind which the last consumer skipped messages. */
  #gapAt = -1;

  constructor(
    private readonly link: NatsLink,
    private readonly source: EntrySource,
    private readonly readers: LogReaders,
    private readonly options: FollowOptions,
  ) {
    this.#at = options.after;
  }

  async run(): Promise<void> {
    const { signal } = this.options;
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    while (!signal.aborted) {
      const nc = await Promise.race([this.link.connected(), aborted]);
      if (nc === undefined || signal.aborted) return;
      const before = this.#at;
      try {
        await this.#session(nc);
        if (this.#at === before) await pause(RETRY_MS, signal);
      } catch (error) {
        if (this.#handlerFailed) throw error;
        const problem = logProblem(error, 'following the log');
        if (problem.code !== 'log-unavailable') throw problem;
        await pause(RETRY_MS, signal);
      }
    }
  }

  /** Reads with one consumer until it is stopped (abort, lost connection), ends, or skips a message. */
  async #session(nc: NatsConnection): Promise<void> {
    const { signal } = this.options;
    const { stream } = this.source.options;
    const { first, end } = await logBounds(nc, this.link, stream);
    await verifyCheckpoint(nc, this.source, this.#at);
    const terms = await this.source.termsUpTo(nc, this.#at.position);
    const start = this.#at.position === 0 ? first : this.#at.position + 1;
    if (end < start && !this.#told)
      await this.#hand({ entries: [], checkpoint: this.#at, caughtUp: true, end: this.#at.position });
    const { messages, stop } = await this.readers.open(nc, start);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    try {
      await this.#consume(nc, messages, terms, start, end);
    } finally {
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #consume(
    nc: NatsConnection,
    messages: ConsumerMessages,
    terms: TermTable,
    start: number,
    endAtStart: number,
  ): Promise<void> {
    let expected = start;
    let end = endAtStart;
    for await (const batch of gather(messages, this.options.maxBatch ?? 500)) {
      const entries: LogEntry[] = [];
      let last: StoredMessage | undefined;
      let skipped = false;
      for (const delivered of batch.messages) {
        if (delivered.seq !== expected) {
          skipped = true;
          break;
        }
        const { entry, message } = this.source.next(delivered, terms);
        entries.push(entry);
        last = message;
        expected += 1;
        end = Math.max(end, delivered.seq + delivered.info.pending);
      }
      if (this.options.signal.aborted) return;
      if (last !== undefined) {
        const checkpoint = { position: last.position, eventId: checkpointId(last) };
        await this.#hand({
          entries,
          checkpoint,
          caughtUp: batch.drained && !skipped && last.position >= end,
          end: Math.max(end, last.position),
        });
      }
      if (skipped) return this.#checkGap(nc, expected);
      if (this.options.signal.aborted || !this.link.state.connected) return;
    }
  }

  /** A second gap at the same place is not the consumer's: the log itself lacks the message. */
  async #checkGap(nc: NatsConnection, missing: number): Promise<void> {
    if (this.#gapAt === missing && (await this.source.get(nc, { seq: missing })) === undefined) {
      throw new ProblemError(
        'log-incompatible',
        `the log lacks the message at position ${missing} though later ones are there: restore it from a backup`,
      );
    }
    this.#gapAt = missing;
  }

  async #hand(batch: Batch): Promise<void> {
    this.#handlerFailed = true;
    await this.options.onBatch(batch);
    this.#handlerFailed = false;
    this.#at = batch.checkpoint;
    this.#told = batch.caughtUp;
  }
}

/** @throws ProblemError `checkpoint-mismatch` */
async function verifyCheckpoint(nc: NatsConnection, source: EntrySource, checkpoint: Checkpoint): Promise<void> {
  if (checkpoint.position === 0) return;
  const message = await source.get(nc, { seq: checkpoint.position });
  const found = message === undefined ? undefined : checkpointId(message);
  if (found === checkpoint.eventId) return;
  source.reset(); // its terms may come from the other log, too
  throw checkpointMismatch(checkpoint, found);
}
