import type { DeadLetterState, ReplayOutcome } from '@anime/contracts';

/** An event that a consumer gave up, and what was done about it. Times are `ce-time`. */
export interface DeadLetterRow {
  readonly id: string;
  /** Of its first parking: its place in lists. */
  readonly position: number;
  readonly state: DeadLetterState;
  readonly consumer: string;
  readonly event_id: string;
  readonly event_name: string;
  readonly aggregate_id: string;
  /** Of the last parking, like `deliveries` and `last_parked_at`. */
  readonly error_code: string;
  readonly error_message: string;
  readonly deliveries: number;
  readonly parkings: number;
  readonly parked_at: string;
  readonly last_parked_at: string;
  readonly replays: number;
  readonly replay_id: string | null;
  readonly replayed_at: string | null;
  readonly replayed_by: string | null;
  readonly settled_at: string | null;
  readonly outcome: ReplayOutcome | null;
  readonly discarded_at: string | null;
  readonly discarded_by: string | null;
  /** Ids of the events that are in here: a log may hold one twice. */
  readonly seen: readonly string[];
}

/** A message of the log that has no effect: garbage, or a decision of a term that had ended. */
export interface VoidRow {
  readonly position: number;
  readonly kind: 'void' | 'fenced';
  readonly subject: string;
  readonly reason: string;
  /** Bytes of its data; null for a fenced one. */
  readonly size: number | null;
}
