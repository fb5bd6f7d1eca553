import type { ContractCatalogue } from '@anime/contracts';
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { classify } from '../codec/classify.js';
import type { StoredMessage } from '../codec/stored-message.js';
import { fence, TermTable } from '../codec/term-table.js';
import type { LogEntry } from '../log-entry.js';
import type { NatsLink } from './nats-link.js';
import { deliveredMessage, getMessage, type MessageQuery } from './stored-messages.js';

export interface SourceOptions {
  readonly stream: string;
  readonly root: string;
  readonly catalogue: ContractCatalogue;
}

/**
 * Turns messages of one stream into entries as they count: classified, and fenced by the terms before them. The terms are
 * shared by all readers of a log and dropped when the connection changes, as another copy of the log may stand behind it.
 */
export class EntrySource {
  #terms = new TermTable();

  constructor(
    private readonly link: NatsLink,
    readonly options: SourceOptions,
  ) {}

  /** Forgets the terms: the next reader reads them anew. */
  reset(): void {
    this.#terms = new TermTable();
  }

  get(nc: NatsConnection, query: MessageQuery): Promise<StoredMessage | undefined> {
    return getMessage(nc, this.link, this.options.stream, query);
  }

  /** The entry of a message read by itself; fenced only when its type is one of `types`, where these are given. */
  async entry(nc: NatsConnection, message: StoredMessage, types?: ReadonlySet<string>): Promise<LogEntry> {
    const entry = this.#classify(message);
    if (entry.status !== 'event' || entry.event.epoch === undefined) return entry;
    if (types?.has(entry.event.type) === false) return entry;
    return fence(entry, await this.termsUpTo(nc, entry.position));
  }

  /** Every term at or before the position: one request when no term is new. */
  async termsUpTo(nc: NatsConnection, position: number): Promise<TermTable> {
    const terms = this.#terms;
    const filter = `${this.options.root}.scheduler.*.orchestrator`;
    while (terms.completeTo < position) {
      const message = await this.get(nc, { seq: terms.completeTo + 1, next_by_subj: filter });
      if (message === undefined || message.position > position) terms.completeUpTo(position);
      else terms.add(this.#classify(message));
    }
    return terms;
  }

  /** The entry of the next delivered message; `terms` must be complete up to the message before it, and learns from it. */
  next(message: JsMsg, terms: TermTable): { readonly entry: LogEntry; readonly message: StoredMessage } {
    const stored = deliveredMessage(message);
    const entry = this.#classify(stored);
    const fenced = fence(entry, terms);
    terms.add(entry);
    return { entry: fenced, message: stored };
  }

  #classify(message: StoredMessage): LogEntry {
    return classify(message, this.options.catalogue, this.options.root);
  }
}
