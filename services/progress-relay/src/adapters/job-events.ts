import { endOfLog, type Checkpoint, type EventLog } from '@anime/event-store';

/** Where the shared reader of the log stands. It begins at the end of the log: what lies before is read job by job. */
export class JobEvents {
  readonly #log: Pick<EventLog, 'end' | 'read'>;
  readonly #begun = Promise.withResolvers<void>();
  #checkpoint: Checkpoint | undefined;

  constructor(log: Pick<EventLog, 'end' | 'read'>) {
    this.#log = log;
  }

  /** Resolves once the place where live events begin is settled: what is read of the log after this has no gap to them. */
  begun(): Promise<void> {
    return this.#begun.promise;
  }

  /** The end of the log the first time; later the place that was reached. */
  async checkpoint(): Promise<Checkpoint> {
    this.#checkpoint ??= await endOfLog(this.#log);
    this.#begun.resolve();
    return this.#checkpoint;
  }

  /** The end of the log as it is now: it is another one than that which was read before. */
  beginAnew(): Promise<Checkpoint> {
    this.#checkpoint = undefined;
    return this.checkpoint();
  }

  reached(checkpoint: Checkpoint): void {
    this.#checkpoint = checkpoint;
  }
}
