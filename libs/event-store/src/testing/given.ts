import { deepStrictEqual, strictEqual } from 'node:assert/strict';
import { inspect } from 'node:util';
import type { EventContract, EventData } from '@anime/contracts';
import type { Decider, Decision } from '../decider.js';
import type { NewEvent, RecordedEvent } from '../event.js';
import { recordedFrom } from '../recorded-from.js';

/** What a decider is asked after some history. */
export interface Scenario<State, Command> {
  readonly when: (command: Command) => Outcome<State>;
  /** The state that the history leads to. */
  readonly state: State;
}

export interface Outcome<State> {
  readonly decision: Decision;
  /** The command leads to exactly this event; returns the state with it. */
  readonly then: <C extends EventContract>(contract: C, data: EventData<C>) => State;
  readonly thenNothing: () => void;
  /** The command is refused with this code. */
  readonly thenRefused: (code: string) => void;
}

/**
 * given a history, when a command, then an event, nothing or a refusal. Each answer is checked twice for purity: the same
 * question must have an equal answer, and neither function may change the state that it is given.
 * @throws AssertionError
 */
export function given<State, Command, Event extends RecordedEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly NewEvent[],
): Scenario<State, Command> {
  const state = recordAll<Event>(history).reduce((current, event) => {
    const before = snapshot(current);
    const next = decider.evolve(current, event);
    strictEqual(snapshot(current), before, `evolve changed the state that it was given (${event.type})`);
    return next;
  }, decider.initial);
  return {
    state,
    when: (command) => {
      const before = snapshot(state);
      const decision = decider.decide(command, state);
      deepStrictEqual(decider.decide(command, state), decision, 'decide gave two answers to one question');
      strictEqual(snapshot(state), before, 'decide changed the state that it was given');
      return outcome(decider, history, state, decision);
    },
  };
}

function outcome<State, Command, Event extends RecordedEvent>(
  decider: Decider<State, Command, Event>,
  history: readonly NewEvent[],
  state: State,
  decision: Decision,
): Outcome<State> {
  return {
    decision,
    then: (contract, data) => {
      const plain =
        decision.kind === 'event'
          ? { kind: decision.kind, event: decision.contract.name, data: decision.data }
          : decision;
      deepStrictEqual(plain, { kind: 'event', event: contract.name, data });
      const checked = contract.data.safeParse(data);
      if (!checked.success) throw new Error(`the decided data breaks ${contract.name}: ${checked.error.message}`);
      const last = history.at(-1);
      if (last === undefined)
        return decider.evolve(state, decidedEvent(contract, data, '00000000-0000-7000-8000-000000000000', 1));
      return decider.evolve(state, decidedEvent(contract, data, last.aggregateId, history.length + 1));
    },
    thenNothing: () => deepStrictEqual(decision, { kind: 'nothing' }),
    thenRefused: (code) => {
      deepStrictEqual(decision.kind === 'refused' ? { kind: 'refused', code: decision.code } : decision, {
        kind: 'refused',
        code,
      });
    },
  };
}

function decidedEvent<Event extends RecordedEvent>(
  contract: EventContract,
  data: unknown,
  aggregateId: string,
  position: number,
): Event {
  const id = '00000000-0000-7000-8000-00000000dec1';
  const meta = { id, time: '2026-01-02T03:04:05.678Z', correlationId: id, actor: `service:${contract.producer}` };
  return recordedFrom({ contract, aggregateId, data, ...meta }, position) as Event;
}

/** Text of any state, Maps and Sets too. Not structuredClone: its copies have other prototypes under Jest. */
function snapshot(state: unknown): string {
  return inspect(state, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity });
}

/** Events as they would be read back, at positions from `first` (default 1). */
export function recordAll<Event extends RecordedEvent = RecordedEvent>(
  events: readonly NewEvent[],
  first = 1,
): Event[] {
  return events.map((event, index) => recordedFrom(event, first + index) as Event);
}
