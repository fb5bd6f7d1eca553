import { messageOf, ProblemError } from '@anime/problem-details';
import { DeadLetterReplayedV1 } from '@anime/contracts';
import {
  failSpan,
  isEvent,
  newerEntry,
  traceContextOf,
  type LogEntry,
  type NewerEntry,
  type RecordedEvent,
} from '@anime/event-store';
import type { Consumer, JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { context, type Span } from '@opentelemetry/api';
import { inConsumerSpan } from './consumer-span.js';
import { ConsumerState } from './consumer-state.js';
import type { ConsumerStatus, Outcome, ReactorContext, ReactorRow } from './consumer-table.js';
import { DurableMissingError, fetchMessages, openDurable, StreamMissingError } from './durable-source.js';
import { HeldMessages, type Held } from './held-messages.js';
import { KeyedScheduler, type Slot } from './keyed-scheduler.js';
import type { MessagingLogger, MessagingObserver } from './messaging-logger.js';
import { aborted, Backoff, pause } from './pause.js';
import type { ReplayedEvent } from './dead-letters.js';
import { releaseRow } from './release-row.js';
import { isNewestWish, replayedEvent } from './replayed-event.js';
import { backoffOf, outcomeOfThrow, settlementOf, type Settlement } from './settlement.js';
import type { StreamLog } from './stream-log.js';

const LOOK_AGAIN_MS = 2_000;
/** Messages in hand for each one being handled. Without order few, as what waits here is missing to other instances. */
const HELD_PER_HANDLER = 2;
const MIN_HELD = 8;
/** With order more, so that what waits behind a slow event of the same key blocks nobody. */
const ORDERED_FACTOR = 8;

export interface ReactorOptions {
  readonly log: StreamLog;
  readonly row: ReactorRow;
  /** Hands an event to the row's handler. */
  readonly deliver: (event: RecordedEvent, context: ReactorContext) => Promise<Outcome>;
  readonly logger: MessagingLogger;
  readonly observer?: MessagingObserver | undefined;
  /** How long running handlers may take to end after a drain began; then their messages are given back. */
  readonly drainMs: number;
}

type Wanted = Extract<LogEntry, { status: 'event' }>;

/** Runs one reactor row on its durable: hands events out in the order of their keys, and settles each message by its outcome. */
export class Reactor {
  readonly #options: ReactorOptions;
  readonly #state: ConsumerState;
  readonly #types: ReadonlySet<string>;
  readonly #held: HeldMessages;
  readonly #scheduler: KeyedScheduler;
  readonly #halt = new AbortController();
  readonly #stop = new AbortController();
  #lost = new AbortController();
  #watched: NatsConnection | undefined;
  #consumer: Consumer | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  /** Judges one message after the other, so that they are scheduled in the order of their arrival. */
  #arrivals: Promise<void> = Promise.resolve();
  #newer: string | undefined;

  constructor(options: ReactorOptions) {
    const { row, observer } = options;
    this.#options = options;
    this.#state = new ConsumerState(row, observer);
    const replays = row.replays === undefined ? [] : [DeadLetterReplayedV1];
    this.#types = new Set([...row.events, ...replays].map((contract) => contract.type));
    const held = Math.max(MIN_HELD, row.concurrency * HELD_PER_HANDLER);
    this.#held = new HeldMessages(row.orderingKey === undefined ? held : held * ORDERED_FACTOR);
    this.#scheduler = new KeyedScheduler(row.concurrency);
  }

  status(): ConsumerStatus {
    return this.#state.status();
  }

  /** Asks the server how far the durable is. */
  async refresh(): Promise<void> {
    const info = await this.#consumer?.info();
    if (info === undefined) return;
    this.#state.position = info.delivered.stream_seq;
    this.#state.setLag(info.num_pending + info.num_ack_pending);
  }

  /** Until the signal aborts; then gives back what is unfinished. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { row, logger } = this.#options;
    const stop = AbortSignal.any([signal, this.#halt.signal]);
    const stopped = aborted(stop);
    const backoff = new Backoff(100, 5_000);
    while (!stop.aborted) {
      try {
        await this.#session(stop, stopped, backoff);
      } catch (error) {
        if (stop.aborted) break;
        const missing = error instanceof DurableMissingError || error instanceof StreamMissingError;
        const awaited = error instanceof DurableMissingError ? (row.awaits?.() ?? null) : null;
        this.#state.paused(awaited ?? messageOf(error));
        if (awaited !== null) logger.debug({ consumer: row.name, reason: awaited }, 'its durable is not made yet');
        else
          logger.warn(
            { consumer: row.name, err: error },
            missing ? 'waiting for its durable' : 'paused; will connect again',
          );
        await pause(missing ? LOOK_AGAIN_MS : backoff.next(), stop);
      }
    }
    if (this.#newer !== undefined) {
      this.#held.giveBack('queued');
      await releaseRow(row, logger);
      await aborted(signal);
    }
    await this.#drain();
    if (this.#newer === undefined) await releaseRow(row, logger);
    clearInterval(this.#keepAlive);
    if (this.#newer === undefined) this.#state.stopped(null);
  }

  /** One stretch of being connected. */
  async #session(stop: AbortSignal, stopped: Promise<void>, backoff: Backoff): Promise<void> {
    const { log, row } = this.#options;
    const nc = await Promise.race([log.connected(), stopped]);
    if (nc === undefined) return;
    this.#lost = new AbortController();
    this.#watch(nc);
    const { consumer, ackWaitMs } = await openDurable(nc, log.stream, row.durable);
    clearInterval(this.#keepAlive);
    this.#keepAlive = setInterval(() => this.#held.keepAlive(), Math.max(20, Math.min(ackWaitMs, row.ackWaitMs) / 3));
    this.#consumer = consumer;
    this.#state.running();
    backoff.reset();
    try {
      await fetchMessages(consumer, this.#held, { stop, lost: this.#lost.signal }, (message) => {
        if (stop.aborted) message.nak();
        else this.#onMessage(message);
      });
    } finally {
      this.#consumer = undefined;
    }
    if (!stop.aborted) throw new Error('the connection to NATS was lost');
  }

  /** The client's own recovery of a fetch may wait for seconds before it looks again; a new session looks at once. */
  #watch(nc: NatsConnection): void {
    if (this.#watched === nc) return;
    this.#watched = nc;
    void (async () => {
      for await (const event of nc.status()) if (event.type === 'disconnect') this.#lost.abort();
    })();
    void nc.closed().then(() => this.#lost.abort());
  }

  /** Takes a message in hand; what it is may take a request to tell, and meanwhile it is kept alive like the others. */
  #onMessage(message: JsMsg): void {
    // Nothing of its headers: they may be broken. Place and time of storing are the server's own.
    const held = this.#held.take(`${message.seq}:${message.info.timestampNanos}`, message);
    if (held !== undefined) this.#arrivals = this.#arrivals.then(() => this.#admit(held));
  }

  async #admit(held: Held): Promise<void> {
    const entry = await this.#judge(held);
    if (entry?.status === 'newer' && this.#types.has(entry.type)) return this.#meetNewer(held, entry);
    if (entry?.status === 'event' && this.#wants(entry.event)) return this.#submit(held, entry);
    if (entry === undefined) this.#held.again(held, 0);
    else {
      this.#state.countSkipped(entry.status);
      this.#held.dismiss(held);
    }
    this.#held.release(held);
  }

  #wants(event: RecordedEvent): boolean {
    if (!this.#types.has(event.type)) return false;
    const { replays } = this.#options.row;
    return !isEvent(event, DeadLetterReplayedV1) || event.data.consumer === replays?.consumer;
  }

  /** The replay of one of this row's own dead letters that the event is, if it is one. */
  #replayOf(event: RecordedEvent): ReplayedEvent | undefined {
    return this.#options.row.replays !== undefined && isEvent(event, DeadLetterReplayedV1) ? event : undefined;
  }

  /** A replay stands in line behind its event, should that be delivered once more, and the other way round. */
  #keyOf(event: RecordedEvent): string | undefined {
    const { orderingKey, replays } = this.#options.row;
    if (orderingKey !== undefined) return orderingKey(event);
    return replays === undefined ? undefined : (this.#replayOf(event)?.data.eventId ?? event.id);
  }

  /** Asks until it can be told what the message is; @returns undefined when it was given back or the reactor stops. */
  async #judge(held: Held): Promise<LogEntry | undefined> {
    const { row, log, logger } = this.#options;
    const backoff = new Backoff(100, 5_000);
    for (let failed = false; !held.settled && !this.#stopping; failed = true) {
      try {
        const entry = await log.entryOf(held.message, this.#types);
        if (failed && this.#consumer !== undefined) this.#state.running();
        return entry;
      } catch (error) {
        this.#state.paused(messageOf(error));
        logger.warn({ consumer: row.name, position: held.message.seq, err: error }, 'a message cannot be judged yet');
        await pause(backoff.next(), this.#stop.signal);
      }
    }
    return undefined;
  }

  #submit(held: Held, entry: Wanted): void {
    const { row, logger } = this.#options;
    const run = (): void => {
      this.#scheduler
        .submit(this.#keyOf(entry.event), (slot) => this.#process(held, entry, slot))
        .catch((error: unknown) =>
          logger.error(
            { consumer: row.name, position: entry.position, err: error },
            'a message was left to its ack wait',
          ),
        )
        .finally(() => this.#held.release(held));
    };
    // So that all that is logged about the event carries its trace.
    context.with(traceContextOf(entry.event), run);
  }

  #meetNewer(held: Held, entry: NewerEntry): void {
    this.#state.countSkipped(entry.status);
    this.#newer = newerEntry(entry).message;
    this.#state.paused(this.#newer);
    this.#options.logger.error(
      { consumer: this.#options.row.name, position: entry.position, event: entry.name },
      'an event is newer than this build',
    );
    // First no interest any more, then give back: else the server sends it here again.
    this.#halt.abort();
    this.#held.again(held, 0);
    this.#held.release(held);
  }

  async #process(held: Held, entry: Wanted, slot: Slot): Promise<void> {
    const { row } = this.#options;
    for (let attempts = held.message.info.deliveryCount; !held.settled; attempts += 1) {
      const settlement = await slot(() => this.#attempt(held, entry, attempts));
      if (settlement.kind === 'ack') return this.#acknowledge(held, entry);
      const delayMs =
        settlement.kind === 'park' ? await this.#park(held, entry, settlement.error, attempts) : settlement.delayMs;
      if (delayMs === undefined) return;
      // Given back, a later event of the same key could overtake it; so an ordered row waits here, with the message in hand.
      if (row.orderingKey === undefined || this.#stopping) return this.#held.again(held, this.#stopping ? 0 : delayMs);
      await pause(delayMs, this.#stop.signal);
    }
  }

  #attempt(held: Held, entry: Wanted, attempts: number): Promise<Settlement> {
    if (held.settled || this.#stopping) return Promise.resolve({ kind: 'again', delayMs: 0, error: undefined });
    return inConsumerSpan('process', this.#reading, entry.event, attempts, (span) =>
      this.#attemptIn(span, held, entry, attempts),
    );
  }

  async #attemptIn(span: Span, held: Held, entry: Wanted, attempts: number): Promise<Settlement> {
    const { row, observer, logger } = this.#options;
    const began = performance.now();
    held.running = true;
    let outcome: Outcome | 'stale';
    try {
      outcome = await this.#handle(entry, attempts);
    } catch (error) {
      outcome = outcomeOfThrow(error);
    } finally {
      held.running = false;
    }
    const settlement = this.#settlementOf(outcome, attempts);
    const word = outcome === 'stale' ? 'stale' : settlement.kind === 'again' ? 'retry' : outcome.kind;
    observer?.handled(row.name, word, (performance.now() - began) / 1000);
    span.setAttribute('anime.outcome', word);
    if (settlement.kind !== 'ack') failSpan(span, settlement.error);
    if (settlement.kind === 'again' && !this.#stopping) {
      logger.warn(
        { consumer: row.name, position: entry.position, attempts, delayMs: settlement.delayMs, err: settlement.error },
        'will be tried again',
      );
    }
    return settlement;
  }

  #settlementOf(outcome: Outcome | 'stale', attempts: number): Settlement {
    if (outcome === 'stale') return { kind: 'ack' };
    // A try that the drain broke off says nothing about the event, be it the last one that the row allows.
    if (outcome.kind === 'retry' && this.#stopping) return { kind: 'again', delayMs: 0, error: outcome.error };
    return settlementOf(outcome, attempts, this.#options.row);
  }

  /** @returns `stale` when the event is no longer current */
  async #handle({ event }: Wanted, attempts: number): Promise<Outcome | 'stale'> {
    const replay = this.#replayOf(event);
    return replay === undefined ? this.#deliver(event, attempts) : this.#replay(replay, attempts);
  }

  async #deliver(event: RecordedEvent, attempts: number): Promise<Outcome | 'stale'> {
    const { row, deliver } = this.#options;
    if (row.isCurrent !== undefined && !(await row.isCurrent(event))) return 'stale';
    return deliver(event, { deliveries: attempts, signal: this.#stop.signal });
  }

  /** Handles the event of a dead letter as if it had just been delivered, and records what became of it. */
  async #replay(replay: ReplayedEvent, attempts: number): Promise<Outcome | 'stale'> {
    const { row, log } = this.#options;
    if (!(await isNewestWish(log, replay))) return 'stale';
    const outcome = await this.#deliver(await replayedEvent(log, row.events, replay.data), attempts);
    if (outcome === 'stale') await row.replays?.settle(replay, 'not-current');
    else if (outcome.kind === 'done') await row.replays?.settle(replay, 'handled');
    return outcome;
  }

  async #acknowledge(held: Held, entry: Wanted): Promise<void> {
    if (await this.#held.acknowledge(held)) return;
    this.#options.logger.warn(
      { consumer: this.#options.row.name, position: entry.position },
      'the acknowledgement was not confirmed',
    );
  }

  /** @returns undefined when it is parked, else the delay after which to try again */
  #park(held: Held, entry: Wanted, error: unknown, attempts: number): Promise<number | undefined> {
    return inConsumerSpan('park', this.#reading, entry.event, attempts, (span) =>
      this.#parkIn(span, held, entry, error, attempts),
    );
  }

  async #parkIn(span: Span, held: Held, entry: Wanted, error: unknown, attempts: number): Promise<number | undefined> {
    const { row, logger } = this.#options;
    const replay = this.#replayOf(entry.event);
    try {
      if (replay === undefined) await row.park(entry.event, error, attempts);
      else await row.replays?.parkAgain(replay, error, attempts);
    } catch (failure) {
      failSpan(span, failure);
      logger.error(
        { consumer: row.name, position: entry.position, err: failure },
        'could not be parked; will be tried again',
      );
      return backoffOf(attempts, row.backoffMs);
    }
    logger.error({ consumer: row.name, position: entry.position, attempts, err: error }, 'parked');
    this.#held.terminate(held, error instanceof ProblemError ? error.code : 'parked');
    return undefined;
  }

  /** Aborts the handlers; what they do not finish in time is given back, the rest at once. */
  async #drain(): Promise<void> {
    this.#stop.abort();
    this.#held.giveBack('queued');
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#held.wake();
    }, this.#options.drainMs);
    while (this.#held.size > 0 && !late) await this.#held.freed();
    clearTimeout(timer);
    this.#held.giveBack('all');
  }

  get #reading(): Parameters<typeof inConsumerSpan>[1] {
    return { consumer: this.#options.row.name, stream: this.#options.log.stream };
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted;
  }
}
