import type { EventContract, EventData } from '@anime/contracts';
import type { RecordedEvent } from './event.js';

/** What a decision wants stored: the shell adds id, time, correlation, causation, actor and epoch. */
export interface Decided<C extends EventContract = EventContract> {
  readonly kind: 'event';
  readonly contract: C;
  readonly data: EventData<C>;
}

/** The command has no effect, e.g. because it already had it. */
export interface Nothing {
  readonly kind: 'nothing';
}
export const NOTHING: Nothing = { kind: 'nothing' };

/** The command is refused; `code` stands in the problem catalogue. */
export interface Refused {
  readonly kind: 'refused';
  readonly code: string;
  readonly message: string;
}

/** One command, one event (law 3). */
export type Decision<C extends EventContract = EventContract> = C extends EventContract
  ? Decided<C> | Nothing | Refused
  : never;

/** Says that a command leads to this event. */
export function decided<C extends EventContract>(contract: C, data: EventData<C>): Decided<C> {
  return { kind: 'event', contract, data };
}

/** Says that a command is refused. */
export function refused(code: string, message: string): Refused {
  return { kind: 'refused', code, message };
}

/**
 * The rules of one aggregate. Both functions are pure (law 5): time, ids and seeds come in with the command.
 * `evolve` is total: facts may arrive in any order beside decisions, so it must be right for each.
 */
export interface Decider<State, Command, Event extends RecordedEvent = RecordedEvent> {
  /** Raised whenever `evolve` or the shape of the state changes; older snapshots are then dropped. */
  readonly foldVersion: number;
  readonly initial: State;
  readonly decide: (command: Command, state: State) => Decision;
  readonly evolve: (state: State, event: Event) => State;
}
