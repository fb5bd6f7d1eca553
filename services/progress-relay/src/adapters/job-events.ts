import type { Checkpoint, EventLog, LogEntry } from '@anime/event-store';

/** How far back to look for an entry that tells its id, as a checkpoint needs one; what is void does not. */
const STEPS = [100, 10_000];

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
    this.#checkpoint ??= await this.#lastKnown();
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

  async #lastKnown(): Promise<Checkpoint> {
    const end = await this.#log.end();
    for (const step of STEPS) {
      const after = Math.max(0, end - step);
      let last: Checkpoint | undefined;
      for await (const entry of this.#log.read({ after, to: end })) {
        const eventId = idOf(entry);
        if (eventId !== undefined) last = { position: entry.position, eventId };
      }
      if (last !== undefined || after === 0) return last ?? { position: 0, eventId: '' };
    }
    return { position: 0, eventId: '' };
  }
}

function idOf(entry: LogEntry): string | undefined {
  switch (entry.status) {
    case 'event':
    case 'fenced':
      return entry.event.id;
    case 'unknown':
    case 'newer':
      return entry.eventId;
    case 'void':
      return undefined;
  }
}
