import {
  aggregateFilter,
  CATALOGUE,
  EVENTS_ROOT,
  EVENTS_STREAM,
  eventSubject,
  kindFilter,
  type Aggregate,
  type ContractCatalogue,
  type EventContract,
} from '@anime/contracts';
import { isProblem } from '@anime/problem-details';
import type { JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Appended, EventLog, Expectation, FollowOptions } from '../event-log.js';
import type { NewEvent } from '../event.js';
import type { LogEntry } from '../log-entry.js';
import { inPublishSpan } from '../publish-span.js';
import { Appender } from './appender.js';
import { EntrySource } from './entry-source.js';
import { logBounds, logReplicas } from './log-bounds.js';
import { LogFollowers } from './log-followers.js';
import { LogReaders } from './log-readers.js';
import type { NatsCredentials } from './connection-options.js';
import { NatsLink, type LinkState } from './nats-link.js';
import { readRange } from './read-range.js';
import { deliveredMessage, type MessageQuery } from './stored-messages.js';

export interface JetStreamLogOptions {
  readonly natsUrl: string;
  /** The service, or whoever else it is: names the connection and the consumers that read the log. */
  readonly name: string;
  readonly catalogue?: ContractCatalogue;
  readonly stream?: string;
  readonly root?: string;
  readonly credentials?: NatsCredentials | undefined;
  /** Told what NATS does not permit this user: once when it is met first, and again when it is met after a while. */
  readonly onDenied?: (reason: string) => void;
  /** How long one acknowledgement may take before the event is sent again; default 2 s. */
  readonly ackTimeoutMs?: number;
  /** How long an operation waits for a connection before `log-unavailable`; default 1 s. */
  readonly graceMs?: number;
}

/**
 * Opens the log of a studio. Returns at once; connects in the background and goes on trying for ever, so that a service
 * starts and runs while NATS is away.
 */
export function openLog(options: JetStreamLogOptions): JetStreamLog {
  return new JetStreamLog(options);
}

/** Nobody may ask a service that is not ready: only time, or an append, tells that there is room again. */
const REFUSAL_SHOWN_MS = 30_000;

/** The log in a JetStream stream (architecture §2, §3). */
export class JetStreamLog implements EventLog {
  readonly root: string;
  readonly stream: string;
  readonly catalogue: ContractCatalogue;
  readonly #link: NatsLink;
  readonly #source: EntrySource;
  readonly #readers: LogReaders;
  readonly #followers: LogFollowers;
  readonly #appender: Appender;
  readonly #graceMs: number;
  #refused: { readonly reason: string; readonly until: number } | undefined;

  constructor(options: JetStreamLogOptions) {
    this.root = options.root ?? EVENTS_ROOT;
    this.stream = options.stream ?? EVENTS_STREAM;
    this.catalogue = options.catalogue ?? CATALOGUE;
    this.#graceMs = options.graceMs ?? 1_000;
    const { natsUrl, name, credentials, onDenied } = options;
    this.#link = new NatsLink({ natsUrl, name, credentials, ...(onDenied === undefined ? {} : { onDenied }) });
    this.#readers = new LogReaders(this.#link, this.stream, name);
    this.#source = new EntrySource(this.#link, { stream: this.stream, root: this.root, catalogue: this.catalogue });
    this.#followers = new LogFollowers({ link: this.#link, source: this.#source, readers: this.#readers });
    this.#link.onEveryLoss(() => this.#source.reset());
    this.#appender = new Appender(this.#link, {
      stream: this.stream,
      root: this.root,
      ackTimeoutMs: options.ackTimeoutMs ?? 2_000,
      graceMs: this.#graceMs,
    });
  }

  /** The connection once it is up, for what else a service does with NATS; waits for ever. */
  connected(): Promise<NatsConnection> {
    return this.#link.connected();
  }

  /**
   * The connection, waiting for it no longer than an operation of the log does.
   * @throws ProblemError `log-unavailable` with the reason
   */
  connection(): Promise<NatsConnection> {
    return this.#link.within(this.#graceMs);
  }

  /** The outcome of a request over that connection, or an error as soon as the connection is lost. */
  whileUp<T>(request: Promise<T>): Promise<T> {
    return this.#link.whileUp(request);
  }

  /** Whether NATS is connected, and if not, why. */
  state(): LinkState {
    return this.#link.state;
  }

  /** Ends the connection; readers end with `log-unavailable` or by their own signal. */
  close(): Promise<void> {
    return this.#link.close();
  }

  /**
   * What is refused though NATS is there: the log is full, or this user lacks a right. Null when it took the last event, or
   * nothing was refused for a while.
   */
  refusal(): string | null {
    const denial = this.#link.denial();
    if (denial !== null) return denial;
    return this.#refused !== undefined && performance.now() < this.#refused.until ? this.#refused.reason : null;
  }

  async append(event: NewEvent, options: { readonly expect?: Expectation | undefined } = {}): Promise<Appended> {
    try {
      const appended = await inPublishSpan(event, this.stream, this.root, (traced) =>
        this.#appender.append(traced, options.expect),
      );
      this.#refused = undefined;
      return appended;
    } catch (error) {
      if (isProblem(error, 'log-full'))
        this.#refused = { reason: error.message, until: performance.now() + REFUSAL_SHOWN_MS };
      throw error;
    }
  }

  lastOfAggregate(aggregate: Aggregate, aggregateId: string): Promise<LogEntry | undefined> {
    return this.#one({ last_by_subj: aggregateFilter(this.root, aggregate, aggregateId) });
  }

  lastOnSubject(contract: EventContract, aggregateId: string, executorId?: string): Promise<LogEntry | undefined> {
    return this.#one({ last_by_subj: eventSubject(this.root, contract, aggregateId, { executorId }) });
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
    const nc = await this.#link.within(this.#graceMs);
    yield* readRange(nc, this.#link, this.#source, this.#readers, options);
  }

  follow(options: FollowOptions): Promise<void> {
    return this.#followers.follow(options);
  }

  /**
   * The entry of a message that a durable consumer delivered, judged as every reader sees it.
   * @param types events of other types are not fenced, which saves the look at the terms: who gives it drops them anyway
   */
  async entryOf(message: JsMsg, types?: ReadonlySet<string>): Promise<LogEntry> {
    const nc = await this.#link.within(this.#graceMs);
    return this.#source.entry(nc, deliveredMessage(message), types);
  }

  async end(): Promise<number> {
    const nc = await this.#link.within(this.#graceMs);
    return (await logBounds(nc, this.#link, this.stream)).end;
  }

  /** How many servers keep the log; more than one survive the loss of any. @throws ProblemError `log-unavailable` */
  async replicas(): Promise<number> {
    return logReplicas(await this.connection(), this.#link, this.stream);
  }

  /** One request for each entry: what is read so is short, and each answer is safe to parse. */
  async *#filtered(filter: string, after: number): AsyncIterable<LogEntry> {
    const nc = await this.#link.within(this.#graceMs);
    const last = await this.#source.get(nc, { last_by_subj: filter });
    let position = after;
    while (last !== undefined && position < last.position) {
      const message =
        position + 1 === last.position ? last : await this.#source.get(nc, { seq: position + 1, next_by_subj: filter });
      if (message === undefined) return;
      yield await this.#source.entry(nc, message);
      position = message.position;
    }
  }

  async #one(query: MessageQuery): Promise<LogEntry | undefined> {
    const nc = await this.#link.within(this.#graceMs);
    const message = await this.#source.get(nc, query);
    return message === undefined ? undefined : this.#source.entry(nc, message);
  }
}
