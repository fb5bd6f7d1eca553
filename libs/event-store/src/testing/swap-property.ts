import { deepStrictEqual } from 'node:assert/strict';
import fc, { type Arbitrary } from 'fast-check';
import type { Decider } from '../decider.js';
import type { NewEvent, RecordedEvent } from '../event.js';
import { recordAll } from './given.js';

export interface SwapOptions<State> {
  /** Histories after which the two events may come; include those that a cancel, an end or a retry makes. */
  readonly history: Arbitrary<readonly NewEvent[]>;
  /** Two events whose order in the log is chance: facts and intents of different producers, or one beside a decision. */
  readonly pair: Arbitrary<readonly [NewEvent, NewEvent]>;
  /** What of the state must be equal; default all of it. Leave out only what records the order itself, e.g. a position. */
  readonly view?: (state: State) => unknown;
  readonly runs?: number;
}

/**
 * Checks that `evolve` is right in either order (architecture §3): after any history, applying a pair of events in one
 * order and in the other leads to equal states. Positions follow the order of application, as they do in a log.
 * @throws Error with the smallest counter-example and its seed
 */
export function swapProperty<State, Command, Event extends RecordedEvent>(
  decider: Decider<State, Command, Event>,
  options: SwapOptions<State>,
): void {
  const view = options.view ?? ((state: State): unknown => state);
  const fold = (events: readonly NewEvent[]): unknown =>
    view(recordAll<Event>(events).reduce(decider.evolve, decider.initial));
  fc.assert(
    fc.property(options.history, options.pair, (history, [first, second]) => {
      deepStrictEqual(fold([...history, second, first]), fold([...history, first, second]));
    }),
    { numRuns: options.runs ?? 300 },
  );
}
