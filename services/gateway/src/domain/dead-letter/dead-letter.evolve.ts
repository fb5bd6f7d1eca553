import {
  DeadLetterDiscardedV1,
  DeadLetterOrganizerParkedV1,
  DeadLetterOrganizerSettledV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  type DeadLetterState,
} from '@anime/contracts';
import type { EventOf, RecordedEvent } from '@anime/event-store/pure';
import type { DeadLetter } from './dead-letter.state.js';

/** Every event of a dead letter, whoever writes it. */
export const DEAD_LETTER_EVENTS = [
  DeadLetterScorerParkedV1,
  DeadLetterOrganizerParkedV1,
  DeadLetterReplayedV1,
  DeadLetterScorerSettledV1,
  DeadLetterOrganizerSettledV1,
  DeadLetterDiscardedV1,
] as const;
export type DeadLetterEvent = EventOf<(typeof DEAD_LETTER_EVENTS)[number]> & RecordedEvent;

const TYPES: ReadonlySet<string> = new Set(DEAD_LETTER_EVENTS.map(({ type }) => type));

export function isDeadLetterEvent(event: RecordedEvent): event is DeadLetterEvent {
  return TYPES.has(event.type);
}

/**
 * Folds one event of a dead letter; total, and the same in whatever order a consumer's answer and a decision were stored. It
 * is opened again only by the answer to its newest replay: a repeat of the first `parked`, or one that answers an older
 * replay, changes nothing.
 */
export function evolveDeadLetter(letter: DeadLetter, event: DeadLetterEvent): DeadLetter {
  switch (event.type) {
    case DeadLetterScorerParkedV1.type:
    case DeadLetterOrganizerParkedV1.type: {
      if (letter.state === 'absent') {
        const { consumer, eventId, eventName, aggregateId } = event.data;
        return { state: 'open', givenUp: { consumer, eventId, eventName, aggregateId } };
      }
      return isAwaited(letter, event.causationId) ? { ...letter, state: 'open' } : letter;
    }
    case DeadLetterReplayedV1.type: {
      if (letter.state === 'absent' || isClosed(letter.state)) return letter;
      const replay = { id: event.id, at: event.time, position: event.position };
      return { ...letter, state: 'replayed', replay };
    }
    case DeadLetterScorerSettledV1.type:
    case DeadLetterOrganizerSettledV1.type:
      // Of whichever replay: the event is dealt with.
      if (letter.state === 'absent' || isClosed(letter.state)) return letter;
      return { ...letter, state: 'settled', closedAt: event.position };
    case DeadLetterDiscardedV1.type:
      // Decided behind an answer that it had not seen, it still counts: a person's word is the last one.
      if (letter.state === 'absent' || letter.state === 'discarded') return letter;
      return { ...letter, state: 'discarded', closedAt: event.position };
  }
}

/** True when nothing more is to come of it. */
export function isClosed(state: DeadLetterState): boolean {
  return state === 'settled' || state === 'discarded';
}

/** True when the dead letter waits for the answer to this very replay. */
function isAwaited(letter: Exclude<DeadLetter, { state: 'absent' }>, replayId: string | undefined): boolean {
  return letter.state === 'replayed' && letter.replay?.id === replayId;
}
