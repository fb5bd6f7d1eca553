import {
  DeadLetterDiscardedV1,
  DeadLetterOrganizerParkedV1,
  DeadLetterOrganizerSettledV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
} from '@anime/contracts';
import { evolveDeadLetter, type DeadLetterEvent } from '../../domain/dead-letter/dead-letter.evolve.js';
import { NO_DEAD_LETTER, type DeadLetter } from '../../domain/dead-letter/dead-letter.state.js';
import type { DeadLetterRow } from './rows.js';

/**
 * The row of a dead letter after an event; the same row when it tells nothing new, and none before something was parked. The
 * state is the decider's own, so that what is shown is what may be asked for.
 */
export function rowAfter(row: DeadLetterRow | undefined, event: DeadLetterEvent): DeadLetterRow | undefined {
  if (row?.seen.includes(event.id) === true) return row;
  const after = evolveDeadLetter(row === undefined ? NO_DEAD_LETTER : letterOf(row), event);
  if (after.state === 'absent') return undefined;
  const before = row ?? { ...EMPTY, id: event.aggregateId, position: event.position, ...columnsOf(after) };
  return { ...before, ...told(before, event), state: after.state, seen: [...before.seen, event.id] };
}

const EMPTY = {
  error_code: '',
  error_message: '',
  deliveries: 0,
  parkings: 0,
  parked_at: '',
  last_parked_at: '',
  replays: 0,
  replay_id: null,
  replayed_at: null,
  replayed_by: null,
  settled_at: null,
  outcome: null,
  discarded_at: null,
  discarded_by: null,
  seen: [],
} as const;

function columnsOf({ state, givenUp }: Exclude<DeadLetter, { readonly state: 'absent' }>) {
  const { consumer, eventId, eventName, aggregateId } = givenUp;
  return { state, consumer, event_id: eventId, event_name: eventName, aggregate_id: aggregateId };
}

function letterOf(row: DeadLetterRow): DeadLetter {
  const { state, consumer, event_id, event_name, aggregate_id, replay_id, replayed_at } = row;
  const givenUp = { consumer, eventId: event_id, eventName: event_name, aggregateId: aggregate_id };
  if (replay_id === null) return { state, givenUp };
  return { state, givenUp, replay: { id: replay_id, at: replayed_at ?? '', position: 0 } };
}

/** What an event tells, whether it changes the state or not. */
function told(row: DeadLetterRow, event: DeadLetterEvent): Partial<DeadLetterRow> {
  const { time } = event;
  switch (event.type) {
    case DeadLetterScorerParkedV1.type:
    case DeadLetterOrganizerParkedV1.type: {
      const { error, deliveries } = event.data;
      const first = row.parkings === 0 ? { parked_at: time } : {};
      const failure = { error_code: error.code, error_message: error.message, deliveries };
      return { ...first, ...failure, last_parked_at: time, parkings: row.parkings + 1 };
    }
    case DeadLetterReplayedV1.type:
      return { replays: row.replays + 1, replay_id: event.id, replayed_at: time, replayed_by: event.actor };
    case DeadLetterScorerSettledV1.type:
    case DeadLetterOrganizerSettledV1.type:
      return row.settled_at === null ? { settled_at: time, outcome: event.data.outcome } : {};
    case DeadLetterDiscardedV1.type:
      return row.discarded_at === null ? { discarded_at: time, discarded_by: event.actor } : {};
  }
}
