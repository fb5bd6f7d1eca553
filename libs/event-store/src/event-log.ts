import type { Aggregate, EventContract } from '@anime/contracts';
import type { NewEvent } from './event.js';
import type { LogEntry } from './log-entry.js';

/** What must be the last position for an append to be stored. */
export interface Expectation {
  /** `aggregate`: over all subjects of the event's aggregate; `subject`: over the event's own exact subject. */
  readonly scope: 'aggregate' | 'subject';
  /** 0 = nothing there yet (create-once). */
  readonly lastPosition: number;
}

export interface Appended {
  readonly position: number;
  /** True when this very event (by id) was in the log already: a repeat or a lost acknowledgement. */
  readonly duplicate: boolean;
}

/** A place in the log that can be checked against it: the pair that checkpoints store. */
export interface Checkpoint {
  /** 0 = nothing read yet. */
  readonly position: number;
  /** `ce-id` (or `Nats-Msg-Id`, or '' for a message without one) of the message at `position`; '' at 0. */
  readonly eventId: string;
}

export interface Batch {
  readonly entries: readonly LogEntry[];
  /** Checkpoint of the last entry. */
  readonly checkpoint: Checkpoint;
  /** True when no later message was in the log as this batch was formed. */
  readonly caughtUp: boolean;
  /** Last position of the log as far as known when this batch was formed; lag = end − checkpoint.position. */
  readonly end: number;
}

export interface FollowOptions {
  /** Start behind this checkpoint; it is compared with the log first. */
  readonly after: Checkpoint;
  /** Ends the call normally. */
  readonly signal: AbortSignal;
  readonly maxBatch?: number;
  /**
   * Reads the log once with others who say so too and stand at the same place; they wait for each other, half a second at
   * most. Not for one that must hear of an event at once. Default false.
   */
  readonly together?: boolean;
  /** Called one batch at a time, in order, and once with no entries when the log has nothing behind `after`. */
  readonly onBatch: (batch: Batch) => Promise<void>;
}

/** One studio's log of events: JetStream in production, a twin in memory for tests of deciders and projections. */
export interface EventLog {
  /**
   * Stores one event; returns when it is durable. A repeat of the same event id is success (`duplicate: true`).
   * @throws ProblemError `append-conflict` (the expectation does not hold, and the event is not already there),
   *   `event-invalid` (data or envelope break the contract), `event-too-large`, `log-full`, `log-unavailable`
   */
  append(event: NewEvent, options?: { readonly expect?: Expectation | undefined }): Promise<Appended>;
  /** The newest message of an aggregate, or undefined. One `last_by_subj`. */
  lastOfAggregate(aggregate: Aggregate, aggregateId: string): Promise<LogEntry | undefined>;
  /** The newest message on the subject that this contract's events of this aggregate have. `executorId` for form `executor`. */
  lastOnSubject(contract: EventContract, aggregateId: string, executorId?: string): Promise<LogEntry | undefined>;
  /** The entries of one aggregate in order, up to the end of the log as it is now. Slow (ms): never on a hot path. */
  readAggregate(
    aggregate: Aggregate,
    aggregateId: string,
    options?: { readonly after?: number },
  ): AsyncIterable<LogEntry>;
  /**
   * The entries of every aggregate of one kind in order, up to the end of the log as it is now. One request for each: only
   * for kinds that are few, to know them without reading the whole log.
   */
  readKind(aggregate: Aggregate): AsyncIterable<LogEntry>;
  /** The entries behind `after` in order, up to the end of the log as it is now (or `to`, inclusive). */
  read(options: { readonly after: number; readonly to?: number }): AsyncIterable<LogEntry>;
  /**
   * Reads on for ever, surviving disconnections, until the signal aborts.
   * @throws ProblemError `checkpoint-mismatch` when `after` names another event than the log, or lies beyond its end
   */
  follow(options: FollowOptions): Promise<void>;
  /** Position of the last message; 0 when empty. */
  end(): Promise<number>;
}
