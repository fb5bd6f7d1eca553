import type { EventContract } from '@anime/contracts';
import type { Batch, Checkpoint, EventOf, LogEntry, RecordedEvent } from '@anime/event-store';
import type { DeadLetters } from './dead-letters.js';

/** How a reactor's handler ended. Only the loop acknowledges. */
export type Outcome =
  /** The effect is there (its fact is appended), or was there already, or is no longer wanted. */
  | { readonly kind: 'done' }
  /** Try again later: back-off of the table, or `delayMs`. */
  | { readonly kind: 'retry'; readonly error: unknown; readonly delayMs?: number }
  /** Never try again: the loop calls the row's `park` and terminates the message. */
  | { readonly kind: 'park'; readonly error: unknown };
export const DONE: Outcome = { kind: 'done' };

/** What a reactor's handler gets beside the event. */
export interface ReactorContext {
  /** How often this message was delivered, from 1. */
  readonly deliveries: number;
  /** Aborts when the service drains or the handler lost its message. */
  readonly signal: AbortSignal;
}

interface Row {
  /** Unique within the service; shows in logs, metrics and `GET /api/anime/system`. */
  readonly name: string;
  /** The contracts it has handlers for; its "own table" for the newer-version rule. */
  readonly events: readonly EventContract[];
  /** Called once this build reads no further, drained or at an event that is newer: lets another process do the work. */
  readonly release?: () => Promise<void>;
}

/** What a row gets that is asked where to read on. */
export interface LoadContext {
  /** Aborts when the service drains. */
  readonly signal: AbortSignal;
  /**
   * The checkpoint that the log refused just now, else undefined. A row that keeps its state in memory, or can build it anew
   * by itself, must forget all of it then and answer with where it begins.
   */
  readonly refused: Checkpoint | undefined;
  /** To be called, again and again, while another process does this row's work, with the position that it has reached. */
  readonly standby: (position: number) => void;
  /** To be called when what was answered no longer holds, e.g. a database was lost and may have forgotten rows: asks again. */
  readonly lost: (reason: unknown) => void;
}

/** Builds rows of a read-model: no durable; reads behind its checkpoint and writes rows and checkpoint together. */
export interface ProjectionRow extends Row {
  readonly kind: 'projection';
  readonly maxBatch?: number;
  /**
   * The command that builds stored rows anew, shown when the log refuses the checkpoint; the row then stays stopped until
   * `loadCheckpoint` answers with one that the log knows. Absent: nothing is stored, and the row begins anew by itself (`refused`).
   */
  readonly repair?: string;
  /** Called at start and after every failure; also prepares the schema, and waits while another process builds the rows. */
  readonly loadCheckpoint: (context: LoadContext) => Promise<Checkpoint>;
  /** Writes rows and checkpoint in one transaction. A throw is retried with back-off from a newly loaded checkpoint. */
  readonly onBatch: (batch: Batch) => Promise<void>;
}

/** Decides from the whole log: like a projection, and acts in `onBatch` only when `batch.caughtUp`. */
export interface ProcessRow extends Row {
  readonly kind: 'process';
  readonly maxBatch?: number;
  /** Called at start, after every failure, and when the log refused the place that was reached (`refused`). */
  readonly loadCheckpoint: (context: LoadContext) => Promise<Checkpoint>;
  readonly onBatch: (batch: Batch) => Promise<void>;
}

/** Acts on the world: a durable, explicit acknowledgement, at-least-once. */
export interface ReactorRow<C extends EventContract = EventContract> extends Row {
  readonly kind: 'reactor';
  /** Name of the durable; it must exist (`anime consumers create <name>`), else the service is not ready. */
  readonly durable: string;
  /** Why the durable need not be there yet, where the service makes it itself; null when it must. */
  readonly awaits?: () => string | null;
  readonly events: readonly C[];
  readonly ackWaitMs: number;
  /** Delays before the 2nd, 3rd… delivery; the last one repeats. */
  readonly backoffMs: readonly number[];
  /** Failed deliveries after which `park` is called; absent = never. */
  readonly maxDeliveries?: number;
  /** Events of different keys run side by side up to this many. */
  readonly concurrency: number;
  /** Events of one key run one after the other, in order. Absent = no order. */
  readonly orderingKey?: (event: RecordedEvent) => string;
  /**
   * Currency check in the log, before the handler: false = no longer wanted, acknowledge without effect.
   * Absent = always current.
   */
  readonly isCurrent?: (event: EventOf<C> & RecordedEvent) => Promise<boolean>;
  readonly handle: (event: EventOf<C> & RecordedEvent, context: ReactorContext) => Promise<Outcome>;
  /** Records that this event was given up (a dead-letter event). */
  readonly park: (event: RecordedEvent, error: unknown, deliveries: number) => Promise<void>;
  /**
   * For a row whose given-up events are dead letters: it reads `dead-letter.replayed` too, and handles the event that one
   * names as if it had just been delivered. Only without `orderingKey`: a replay comes out of order.
   */
  readonly replays?: DeadLetters;
}

export type ConsumerRow = ProjectionRow | ProcessRow | ReactorRow;

/** A service's `consumers.ts`: one screen that shows everything it reads and how. */
export type ConsumerTable = readonly ConsumerRow[];

/** State of one row, for readiness, metrics and the service's status message. */
export interface ConsumerStatus {
  readonly name: string;
  readonly kind: ConsumerRow['kind'];
  readonly position: number | null;
  readonly lag: number | null;
  /** `standby`: another process does this row's work; this one is well, and takes over when that one ends. */
  readonly state: 'starting' | 'running' | 'standby' | 'paused' | 'stopped';
  readonly reason: string | null;
  /** Counts of skipped entries since start. */
  readonly skipped: Readonly<Record<Exclude<LogEntry['status'], 'event'>, number>>;
}
