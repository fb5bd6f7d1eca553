import { isProblem, messageOf, type ProblemError } from '@anime/problem-details';
import { entryId, newerEntry, type Batch, type Checkpoint, type EventLog, type NewerEntry } from '@anime/event-store';
import { context, ROOT_CONTEXT } from '@opentelemetry/api';
import type { ConsumerStatus, ProcessRow, ProjectionRow } from './consumer-table.js';
import { inBatchSpan } from './consumer-span.js';
import { releaseRow } from './release-row.js';
import { ConsumerState } from './consumer-state.js';
import type { MessagingLogger, MessagingObserver } from './messaging-logger.js';
import { Backoff, pause } from './pause.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;
/** How often a row that waits for its repair is looked at: its checkpoint, and whether the log knows that. */
const LOOK_AGAIN_MS = 3_000;

const CANNOT_BEGIN =
  'what was read comes from another log, and the row does not begin again by itself: start the service again';

export interface LogReaderOptions {
  readonly log: EventLog;
  /** Name of the log, for traces. */
  readonly stream: string;
  readonly row: ProjectionRow | ProcessRow;
  /** Hands a batch to the row. */
  readonly deliver: (batch: Batch) => Promise<void>;
  readonly logger: MessagingLogger;
  readonly observer?: MessagingObserver | undefined;
  /** Default 3 s. */
  readonly lookAgainMs?: number;
}

/** Runs a projection or a process: reads on behind its checkpoint, and after any failure from a newly loaded one. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #state: ConsumerState;
  readonly #ownTypes: ReadonlySet<string>;
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LAST_RETRY_MS);
  /** The place that was reached; undefined while the row has not said where to read on. */
  #at: Checkpoint | undefined;
  /** The place that the log refused, until a batch has been read behind another one. */
  #refused: Checkpoint | undefined;
  #stopReason: string | null = null;
  /** The trace of the newest batch, for what is logged about its failure. */
  #inBatch = ROOT_CONTEXT;

  constructor(options: LogReaderOptions) {
    this.#options = options;
    this.#state = new ConsumerState(options.row, options.observer);
    this.#ownTypes = new Set(options.row.events.map((contract) => contract.type));
  }

  status(): ConsumerStatus {
    return this.#state.status();
  }

  /** Takes a fresher end of the log, so that the lag of a row that stands still grows. */
  refresh(end: number): void {
    if (this.#state.position !== null) this.#state.setLag(end - this.#state.position);
  }

  /** Until the signal aborts, or the row must not go on in this build: an event of a newer version. Releases the row then. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#run(signal);
    await releaseRow(this.#options.row, this.#options.logger);
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lost = new AbortController();
      this.#inBatch = ROOT_CONTEXT;
      try {
        const checkpoint = await this.#load(signal, lost);
        await this.#read(checkpoint, AbortSignal.any([signal, lost.signal]));
        lost.signal.throwIfAborted();
      } catch (error) {
        if (signal.aborted) break;
        if (isProblem(error, 'checkpoint-mismatch')) await this.#onMismatch(error, signal);
        else if (!(await this.#onFailure(error, signal))) return;
      }
    }
    this.#state.stopped(null);
  }

  /** Where to read on. */
  #load(signal: AbortSignal, lost: AbortController): Promise<Checkpoint> {
    this.#at = undefined;
    return this.#options.row.loadCheckpoint({
      signal,
      refused: this.#refused,
      standby: (position) => {
        this.#state.position = position;
        this.#state.standby('another process does this; this one takes over when that one ends');
      },
      lost: (reason) => lost.abort(reason),
    });
  }

  async #read(checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#at = checkpoint;
    this.#state.position = checkpoint.position;
    // The refused place again: the log is asked, as the right one may have been put back, but it most likely refuses again.
    if (isSame(checkpoint, this.#refused)) this.#state.stopped(this.#stopReason);
    else if (this.#state.current === 'standby' || this.#state.current === 'stopped') this.#state.starting();
    const { row, log } = this.#options;
    await log.follow({
      after: checkpoint,
      signal,
      ...(row.maxBatch === undefined ? {} : { maxBatch: row.maxBatch }),
      // A read-model waits for PostgreSQL; nobody who keeps keys or decides shall wait for that, too.
      together: row.kind === 'projection',
      onBatch: (batch) => this.#onBatch(batch),
    });
  }

  /** The checkpoint, or with it the whole state of the row, is of another log or another version of the row. */
  async #onMismatch(error: ProblemError, signal: AbortSignal): Promise<void> {
    const { row, logger } = this.#options;
    const repair = row.kind === 'projection' ? row.repair : undefined;
    const reason = repair === undefined ? CANNOT_BEGIN : `${error.message}: ${repair}`;
    if (this.#stopReason !== reason) {
      logger.error({ consumer: row.name, err: error }, 'the checkpoint does not belong to this log');
    }
    const again = this.#at !== undefined && isSame(this.#at, this.#refused);
    this.#refused = this.#at;
    this.#stopReason = reason;
    if (repair !== undefined || again || this.#refused === undefined) return this.#waitForRepair(signal);
    this.#state.paused('what was read comes from another log; begins again by itself');
    await pause(this.#backoff.next(), signal);
  }

  async #waitForRepair(signal: AbortSignal): Promise<void> {
    this.#state.stopped(this.#stopReason);
    await pause(this.#options.lookAgainMs ?? LOOK_AGAIN_MS, signal);
  }

  /** @returns whether to try again */
  async #onFailure(error: unknown, signal: AbortSignal): Promise<boolean> {
    const { row, logger } = this.#options;
    this.#state.paused(messageOf(error));
    if (isProblem(error, 'newer-contract')) {
      logger.error({ consumer: row.name, err: error }, 'an event is newer than this build');
      return false;
    }
    context.with(this.#inBatch, () =>
      logger.warn({ consumer: row.name, err: error }, 'paused; will read on from the checkpoint'),
    );
    await pause(this.#backoff.next(), signal);
    return true;
  }

  async #onBatch(batch: Batch): Promise<void> {
    if (this.#state.current === 'starting') this.#state.running();
    const newer = batch.entries.find(
      (entry): entry is NewerEntry => entry.status === 'newer' && this.#ownTypes.has(entry.type),
    );
    if (newer === undefined) return this.#deliver(batch);
    const before = upTo(batch, batch.entries.indexOf(newer));
    if (before !== undefined) await this.#deliver(before);
    throw newerEntry(newer);
  }

  async #deliver(batch: Batch): Promise<void> {
    const { row, stream, observer, deliver } = this.#options;
    const began = performance.now();
    try {
      await inBatchSpan(row, stream, batch, this.#ownTypes, () => {
        this.#inBatch = context.active();
        return deliver(batch);
      });
    } catch (error) {
      observer?.handled(row.name, 'retry', (performance.now() - began) / 1000);
      throw error;
    }
    observer?.handled(row.name, 'done', (performance.now() - began) / 1000);
    this.#backoff.reset();
    this.#at = batch.checkpoint;
    this.#refused = undefined;
    this.#stopReason = null;
    this.#state.running();
    this.#state.position = batch.checkpoint.position;
    this.#state.setLag(batch.end - batch.checkpoint.position);
    for (const entry of batch.entries) this.#state.countSkipped(entry.status);
  }
}

function isSame(place: Checkpoint, other: Checkpoint | undefined): boolean {
  return place.position === other?.position && place.eventId === other.eventId;
}

/**
 * The part of a batch before an entry. It ends at the last entry that tells its event id, as a checkpoint needs one; what
 * falls away behind it is void and so without effect.
 */
function upTo(batch: Batch, index: number): Batch | undefined {
  const before = batch.entries.slice(0, index);
  const last = before.findLastIndex((entry) => entryId(entry) !== undefined);
  const entry = before[last];
  const eventId = entry && entryId(entry);
  if (entry === undefined || eventId === undefined) return undefined;
  return {
    entries: before.slice(0, last + 1),
    checkpoint: { position: entry.position, eventId },
    caughtUp: false,
    end: batch.end,
  };
}
