import { isProblem, messageOf, ProblemError } from '@anime/problem-details';
import type { Batch, Checkpoint, EventLog, LogEntry } from '@anime/event-store';
import type { ConsumerStatus, ProcessRow, ProjectionRow } from './consumer-table.js';
import { ConsumerState } from './consumer-state.js';
import type { MessagingLogger, MessagingObserver } from './messaging-logger.js';
import { Backoff, pause } from './pause.js';

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 5_000;

export interface LogReaderOptions {
  readonly log: EventLog;
  readonly row: ProjectionRow | ProcessRow;
  /** Hands a batch to the row. */
  readonly deliver: (batch: Batch) => Promise<void>;
  readonly logger: MessagingLogger;
  readonly observer?: MessagingObserver | undefined;
}

/** Runs a projection or a process: reads on behind its checkpoint, and after any failure from a newly loaded one. */
export class LogReader {
  readonly #options: LogReaderOptions;
  readonly #state: ConsumerState;
  readonly #ownTypes: ReadonlySet<string>;
  readonly #backoff = new Backoff(FIRST_RETRY_MS, LAST_RETRY_MS);

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

  /** Until the signal aborts, or the row must not go on: a checkpoint of another log, an event of a newer version. */
  async run(signal: AbortSignal): Promise<void> {
    const { row, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#read(await row.loadCheckpoint(), signal);
      } catch (error) {
        if (signal.aborted) break;
        if (isProblem(error, 'checkpoint-mismatch')) {
          this.#state.stopped(`${error.message} (rebuild it)`);
          logger.error({ consumer: row.name, err: error }, 'the checkpoint does not belong to this log');
          return;
        }
        this.#state.paused(messageOf(error));
        if (isProblem(error, 'newer-contract')) {
          logger.error({ consumer: row.name, err: error }, 'an event is newer than this build');
          return;
        }
        logger.warn({ consumer: row.name, err: error }, 'paused; will read on from the checkpoint');
        await pause(this.#backoff.next(), signal);
      }
    }
    this.#state.stopped(null);
  }

  async #read(checkpoint: Checkpoint, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#state.position = checkpoint.position;
    const { row, log } = this.#options;
    await log.follow({
      after: checkpoint,
      signal,
      ...(row.maxBatch === undefined ? {} : { maxBatch: row.maxBatch }),
      onBatch: (batch) => this.#onBatch(batch),
    });
  }

  async #onBatch(batch: Batch): Promise<void> {
    if (this.#state.current === 'starting') this.#state.running();
    const newer = batch.entries.findIndex((entry) => entry.status === 'newer' && this.#ownTypes.has(entry.type));
    if (newer < 0) return this.#deliver(batch);
    const before = upTo(batch, newer);
    if (before !== undefined) await this.#deliver(before);
    const entry = batch.entries[newer];
    const name = entry?.status === 'newer' ? entry.name : 'an event';
    throw new ProblemError(
      'newer-contract',
      `position ${entry?.position ?? 0} holds ${name}, which is newer than this build knows: deploy a build that reads it`,
    );
  }

  async #deliver(batch: Batch): Promise<void> {
    const { row, observer, deliver } = this.#options;
    const began = performance.now();
    try {
      await deliver(batch);
    } catch (error) {
      observer?.handled(row.name, 'retry', (performance.now() - began) / 1000);
      throw error;
    }
    observer?.handled(row.name, 'done', (performance.now() - began) / 1000);
    this.#backoff.reset();
    this.#state.running();
    this.#state.position = batch.checkpoint.position;
    this.#state.setLag(batch.end - batch.checkpoint.position);
    for (const entry of batch.entries) this.#state.countSkipped(entry.status);
  }
}

/**
 * The part of a batch before an entry. It ends at the last entry that tells its event id, as a checkpoint needs one; what
 * falls away behind it is void and so without effect.
 */
function upTo(batch: Batch, index: number): Batch | undefined {
  const before = batch.entries.slice(0, index);
  const last = before.findLastIndex((entry) => entry.status !== 'void');
  const entry = before[last];
  if (entry === undefined) return undefined;
  return {
    entries: before.slice(0, last + 1),
    checkpoint: { position: entry.position, eventId: idOf(entry) },
    caughtUp: false,
    end: batch.end,
  };
}

function idOf(entry: LogEntry): string {
  switch (entry.status) {
    case 'event':
    case 'fenced':
      return entry.event.id;
    case 'unknown':
    case 'newer':
      return entry.eventId;
    case 'void':
      return '';
  }
}
