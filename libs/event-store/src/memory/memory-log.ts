import {
  aggregateFilter,
  CATALOGUE,
  EVENTS_ROOT,
  eventSubject,
  kindFilter,
  type Aggregate,
  type ContractCatalogue,
  type EventContract,
} from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import { classify } from '../codec/classify.js';
import { encodeEvent } from '../codec/encode-event.js';
import { checkpointId, MSG_ID_HEADER, type StoredMessage } from '../codec/stored-message.js';
import { fence, TermTable } from '../codec/term-table.js';
import { matches, type RawMessage, type Storage } from './memory-storage.js';
import { checkpointMismatch } from '../checkpoint-mismatch.js';
import type { Appended, Checkpoint, EventLog, Expectation, FollowOptions } from '../event-log.js';
import type { NewEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { inPublishSpan } from '../publish-span.js';

export interface MemoryLogOptions {
  readonly catalogue?: ContractCatalogue;
  readonly root?: string;
}

/** The log in memory, for tests of deciders, projections and handlers: same classification, fencing, expectations and errors. */
export class MemoryLog implements EventLog {
  readonly root: string;
  readonly catalogue: ContractCatalogue;
  #storage: Storage = { messages: [], ids: new Map(), wakers: new Set(), generation: 0 };
  #terms = { table: new TermTable(), generation: 0 };

  constructor(options: MemoryLogOptions = {}) {
    this.root = options.root ?? EVENTS_ROOT;
    this.catalogue = options.catalogue ?? CATALOGUE;
  }

  /** The same messages seen by a reader with another catalogue. */
  withCatalogue(catalogue: ContractCatalogue): MemoryLog {
    const twin = new MemoryLog({ catalogue, root: this.root });
    twin.#storage = this.#storage;
    return twin;
  }

  /** Stores a message as it is; returns its position. */
  async putRaw(message: RawMessage): Promise<number> {
    const headers = new Map(Object.entries(message.headers ?? {}));
    const data =
      typeof message.data === 'string' ? new TextEncoder().encode(message.data) : (message.data ?? new Uint8Array());
    return this.#put(message.subject, headers, data);
  }

  /** Forgets everything behind `position`, as an older copy of the log would have it. */
  restoreTo(position: number): void {
    const { messages, ids } = this.#storage;
    messages.length = Math.min(position, messages.length);
    for (const [id, at] of ids) if (at > position) ids.delete(id);
    this.#storage.generation += 1;
    for (const wake of this.#storage.wakers) wake();
  }

  append(event: NewEvent, options: { readonly expect?: Expectation | undefined } = {}): Promise<Appended> {
    return inPublishSpan(event, 'memory', this.root, async (traced) => this.#append(traced, options.expect));
  }

  #append(event: NewEvent, expect: Expectation | undefined): Appended {
    const encoded = encodeEvent(event, this.root);
    const own = this.#storage.ids.get(event.id);
    if (own !== undefined) return { position: own, duplicate: true };
    if (expect !== undefined) {
      const scope =
        expect.scope === 'subject'
          ? encoded.subject
          : aggregateFilter(this.root, event.contract.aggregate, event.aggregateId);
      const last = this.#last(scope)?.position ?? 0;
      if (last !== expect.lastPosition) {
        throw new ProblemError(
          'append-conflict',
          `${event.contract.name} expected position ${expect.lastPosition} last on ${scope}, found ${last}`,
        );
      }
    }
    const position = this.#put(encoded.subject, new Map([...encoded.headers, [MSG_ID_HEADER, event.id]]), encoded.data);
    return { position, duplicate: false };
  }

  async lastOfAggregate(aggregate: Aggregate, aggregateId: string): Promise<LogEntry | undefined> {
    return this.#entryOf(this.#last(aggregateFilter(this.root, aggregate, aggregateId)));
  }

  async lastOnSubject(
    contract: EventContract,
    aggregateId: string,
    executorId?: string,
  ): Promise<LogEntry | undefined> {
    return this.#entryOf(this.#last(eventSubject(this.root, contract, aggregateId, { executorId })));
  }

  async *readAggregate(
    aggregate: Aggregate,
    aggregateId: string,
    options: { readonly after?: number } = {},
  ): AsyncIterable<LogEntry> {
    yield* this.#filtered(aggregateFilter(this.root, aggregate, aggregateId), options.after ?? 0);
  }

  async *readKind(aggregate: Aggregate): AsyncIterable<LogEntry> {
    yield* this.#filtered(kindFilter(this.root, aggregate), 0);
  }

  async *read(options: { readonly after: number; readonly to?: number }): AsyncIterable<LogEntry> {
    for (const message of this.#storage.messages.slice(options.after, options.to)) yield this.#entry(message);
  }

  *#filtered(filter: string, after: number): Iterable<LogEntry> {
    const subjects = (message: StoredMessage): boolean => matches(message.subject, filter);
    for (const message of this.#storage.messages.slice(after).filter(subjects)) yield this.#entry(message);
  }

  async follow(options: FollowOptions): Promise<void> {
    const { signal } = options;
    const maxBatch = options.maxBatch ?? 500;
    let at = options.after;
    let started = false;
    while (!signal.aborted) {
      this.#verify(at);
      const messages = this.#storage.messages.slice(at.position, at.position + maxBatch);
      const last = messages.at(-1);
      if (last !== undefined || !started) {
        started = true;
        if (last !== undefined) at = { position: last.position, eventId: checkpointId(last) };
        const end = this.#storage.messages.length;
        const entries = messages.map((message) => this.#entry(message));
        await options.onBatch({ entries, checkpoint: at, caughtUp: end === at.position, end });
      } else {
        await this.#change(signal);
      }
    }
  }

  async end(): Promise<number> {
    return this.#storage.messages.length;
  }

  #put(subject: string, headers: ReadonlyMap<string, string>, data: Uint8Array): number {
    const position = this.#storage.messages.length + 1;
    this.#storage.messages.push({ position, subject, header: (name) => headers.get(name) || undefined, data });
    const id = headers.get(MSG_ID_HEADER);
    if (id !== undefined && !this.#storage.ids.has(id)) this.#storage.ids.set(id, position);
    for (const wake of this.#storage.wakers) wake();
    return position;
  }

  #last(filter: string): StoredMessage | undefined {
    return this.#storage.messages.findLast((message) => matches(message.subject, filter));
  }

  #entryOf(message: StoredMessage | undefined): LogEntry | undefined {
    return message === undefined ? undefined : this.#entry(message);
  }

  #entry(message: StoredMessage): LogEntry {
    const entry = classify(message, this.catalogue, this.root);
    if (entry.status !== 'event' || entry.event.epoch === undefined) return entry;
    return fence(entry, this.#termsUpTo(message.position));
  }

  #termsUpTo(position: number): TermTable {
    const { generation, messages } = this.#storage;
    if (this.#terms.generation !== generation) this.#terms = { table: new TermTable(), generation };
    const { table } = this.#terms;
    for (const message of messages.slice(table.completeTo, position)) {
      if (message.subject.startsWith(`${this.root}.scheduler.`))
        table.add(classify(message, this.catalogue, this.root));
    }
    table.completeUpTo(position);
    return table;
  }

  #verify(checkpoint: Checkpoint): void {
    if (checkpoint.position === 0) return;
    const message = this.#storage.messages[checkpoint.position - 1];
    const found = message === undefined ? undefined : checkpointId(message);
    if (found !== checkpoint.eventId) throw checkpointMismatch(checkpoint, found);
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#storage.wakers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#storage.wakers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }
}
