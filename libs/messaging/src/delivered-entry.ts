import { checkpointId, classify, fence, TermTable, type LogEntry, type StoredMessage } from '@anime/event-store';
import { jetstreamManager, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { StreamLog } from './stream-log.js';

/** Reads what a durable delivers, by the same pure function as every other reader. One for each connection and stream. */
export class DeliveredEntries {
  readonly #terms = new TermTable();

  private constructor(
    private readonly manager: JetStreamManager,
    private readonly log: StreamLog,
  ) {}

  static async open(nc: NatsConnection, log: StreamLog): Promise<DeliveredEntries> {
    return new DeliveredEntries(await jetstreamManager(nc, { checkAPI: false }), log);
  }

  /** The entry, not yet fenced, and the id that a checkpoint would hold. */
  read(message: JsMsg): { readonly entry: LogEntry; readonly id: string } {
    const stored: StoredMessage = {
      position: message.seq,
      subject: message.subject,
      // Parsed only when asked: where headers are broken, `classify` makes the message void.
      header: (name) => message.headers?.get(name) || undefined,
      data: message.data,
    };
    return { entry: classify(stored, this.log.catalogue, this.log.root), id: checkpointId(stored) };
  }

  /** `fenced` instead of `event` when a later term stands before a decision in the log. */
  async fenced(entry: LogEntry): Promise<LogEntry> {
    if (entry.status !== 'event' || entry.event.epoch === undefined) return entry;
    const filter = `${this.log.root}.scheduler.*.orchestrator`;
    while (this.#terms.completeTo < entry.position) {
      const term = await this.#next(this.#terms.completeTo + 1, filter);
      if (term === undefined || term.position > entry.position) this.#terms.completeUpTo(entry.position);
      else this.#terms.add(classify(term, this.log.catalogue, this.log.root));
    }
    return fence(entry, this.#terms);
  }

  async #next(seq: number, filter: string): Promise<StoredMessage | undefined> {
    const query = { seq, next_by_subj: filter }; // a field of the server's protocol that the client's type lacks
    const found = await this.manager.streams.getMessage(this.log.stream, query);
    if (found === null) return undefined;
    return {
      position: found.seq,
      subject: found.subject,
      header: (name) => found.header?.get(name) || undefined,
      data: found.data,
    };
  }
}
