import type { EventContract, ServiceName } from '@anime/contracts';
import type { Batch, RecordedEvent } from '@anime/event-store';
import { messageOf } from '@anime/problem-details';
import { Server, type CustomTransportStrategy, type MessageHandler } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type {
  ConsumerRow,
  ConsumerStatus,
  ConsumerTable,
  Outcome,
  ReactorContext,
  ReactorRow,
} from './consumer-table.js';
import { LogReader } from './log-reader.js';
import type { MessagingLogger, MessagingObserver } from './messaging-logger.js';
import { Reactor } from './reactor.js';
import type { StreamLog } from './stream-log.js';

const REFRESH_MS = 2_000;
/** Shorter than the step of a drain that waits for `close()`. */
const CLOSE_MS = 9_000;
const DRAIN_MS = 5_000;

export interface JetStreamStrategyOptions {
  readonly log: StreamLog;
  readonly table: ConsumerTable;
  readonly service: ServiceName;
  readonly logger: MessagingLogger;
  readonly observer?: MessagingObserver;
  /** How long running handlers of reactors may take to end once a drain began; default 5 s. */
  readonly drainMs?: number;
}

type Runner =
  | { readonly kind: 'reader'; readonly reader: LogReader }
  | { readonly kind: 'reactor'; readonly reactor: Reactor };

/**
 * The transport of our Nest microservices: runs a consumer table on JetStream. Its handlers come from the table through
 * `addHandler` (pattern `<row>` or `<row>/<event type>`), so that grep for an event's constant finds every reader. Starts and stays up while NATS is away.
 */
export class JetStreamStrategy extends Server implements CustomTransportStrategy {
  readonly #options: JetStreamStrategyOptions;
  readonly #runners: readonly Runner[];
  readonly #abort = new AbortController();
  #running: Promise<unknown> | undefined;
  #refreshing: NodeJS.Timeout | undefined;

  /** @throws Error when two rows of the table share a name or a durable */
  constructor(options: JetStreamStrategyOptions) {
    super();
    this.#options = options;
    checkTable(options.table);
    this.#runners = options.table.map((row) => this.#runnerOf(row));
  }

  /** Begins to read and returns at once. */
  listen(callback: (error?: unknown) => void): void {
    const { signal } = this.#abort;
    this.#running ??= Promise.all(
      this.#runners.map((runner) =>
        runner.kind === 'reader' ? runner.reader.run(signal) : runner.reactor.run(signal),
      ),
    );
    this.#refreshing ??= setInterval(() => void this.#refresh(), REFRESH_MS);
    callback();
  }

  /** Stops reading; handlers under way may end, for a bounded time. Safe to call twice. */
  async close(): Promise<void> {
    clearInterval(this.#refreshing);
    this.#abort.abort();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_MS);
    try {
      await Promise.race([this.#running, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** How each row of the table is doing, in the order of the table. */
  consumers(): readonly ConsumerStatus[] {
    return this.#runners.map((runner) => (runner.kind === 'reader' ? runner.reader.status() : runner.reactor.status()));
  }

  /** A readiness check: ok when every row runs or stands by; names each that does not run, with its reason. */
  readonly check = (): { readonly ok: boolean; readonly reason: string | null } => {
    const idle = this.consumers().filter((consumer) => consumer.state !== 'running');
    if (idle.length === 0) return { ok: true, reason: null };
    return {
      ok: idle.every((consumer) => consumer.state === 'standby'),
      reason: idle
        .map(
          (consumer) =>
            `${consumer.name} is ${consumer.state}${consumer.reason === null ? '' : `: ${consumer.reason}`}`,
        )
        .join('; '),
    };
  };

  override on(): never {
    throw new Error('this transport has no events to listen to; look at consumers()');
  }

  override unwrap<T>(): T {
    throw new Error('this transport wraps no server object; the log is injected where it is needed');
  }

  #runnerOf(row: ConsumerRow): Runner {
    const { log, logger, observer, drainMs = DRAIN_MS } = this.#options;
    if (row.kind !== 'reactor') {
      this.addHandler(row.name, (batch: Batch) => row.onBatch(batch), true);
      const deliver = async (batch: Batch): Promise<void> => void (await this.#dispatch(row.name, batch));
      return { kind: 'reader', reader: new LogReader({ log, stream: log.stream, row, deliver, logger, observer }) };
    }
    for (const contract of row.events) this.addHandler(patternOf(row, contract), reactorHandler(row), true);
    const deliver = async (event: RecordedEvent, context: ReactorContext): Promise<Outcome> => {
      const outcome = await this.#dispatch(patternOf(row, event), event, context);
      if (isOutcome(outcome)) return outcome;
      throw new Error(`the handler of ${event.type} in ${row.name} returned no outcome`);
    };
    return { kind: 'reactor', reactor: new Reactor({ log, row, deliver, logger, observer, drainMs }) };
  }

  /** Calls a handler the way Nest's own transports do: its result may be a promise of an Observable. */
  async #dispatch(pattern: string, data: unknown, context?: unknown): Promise<unknown> {
    const handler = this.getHandlers().get(pattern);
    if (handler === null || handler === undefined) throw new Error(`no handler for ${pattern}`);
    const result: unknown = await handler(data, context);
    return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
  }

  async #refresh(): Promise<void> {
    const { log, logger } = this.#options;
    if (!log.state().connected) return;
    try {
      const end = this.#runners.some((runner) => runner.kind === 'reader') ? await log.end() : 0;
      for (const runner of this.#runners) {
        if (runner.kind === 'reader') runner.reader.refresh(end);
        else await runner.reactor.refresh();
      }
    } catch (error) {
      logger.debug({ reason: messageOf(error) }, 'the lag of the consumers could not be read');
    }
  }
}

function patternOf(row: ReactorRow, { type }: Pick<EventContract, 'type'>): string {
  return `${row.name}/${type}`;
}

function reactorHandler(row: ReactorRow): MessageHandler<RecordedEvent, ReactorContext, Outcome> {
  return (event, context) => {
    if (context === undefined) throw new Error(`${row.name} was called without a context`);
    return row.handle(event, context);
  };
}

function isOutcome(value: unknown): value is Outcome {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    (value.kind === 'done' || value.kind === 'retry' || value.kind === 'park')
  );
}

function checkTable(table: ConsumerTable): void {
  const names = new Set<string>();
  for (const row of table) {
    const taken = [row.name, ...(row.kind === 'reactor' ? [`durable ${row.durable}`] : [])];
    for (const name of taken) {
      if (names.has(name)) throw new Error(`two consumers of the table are called ${name}`);
      names.add(name);
    }
  }
}
