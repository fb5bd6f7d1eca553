import { DeadLetterDiscardedV1, DeadLetterReplayedV1, type Sealed } from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision } from '@anime/event-store/pure';
import { evolveDeadLetter, type DeadLetterEvent } from './dead-letter.evolve.js';
import { NO_DEAD_LETTER, type DeadLetter } from './dead-letter.state.js';

/** What somebody may want of a dead letter. */
export type DeadLetterCommand =
  /** @param now ISO instant */
  | { readonly kind: 'ReplayDeadLetter'; readonly now: string }
  | { readonly kind: 'DiscardDeadLetter'; readonly reason: Sealed | null };

/**
 * After so long without an answer a replay may be asked for once more: its message may have been lost with its durable. Longer
 * than any consumer tries (the file-organizer for about 20 minutes).
 */
export const REPLAY_SILENCE_MS = 3_600_000;

/** Decides one command on one dead letter. A wish that has been uttered already is not stored again. */
export function decideDeadLetter(
  command: DeadLetterCommand,
  letter: DeadLetter,
): Decision<typeof DeadLetterReplayedV1 | typeof DeadLetterDiscardedV1> {
  if (letter.state === 'absent') return refused('dead-letter-not-found', 'no consumer gave up such an event');
  switch (command.kind) {
    case 'ReplayDeadLetter':
      return replay(command.now, letter);
    case 'DiscardDeadLetter':
      switch (letter.state) {
        case 'settled':
          return refused('dead-letter-closed', 'a replay of it has settled it; there is nothing to discard');
        case 'discarded':
          return NOTHING;
        case 'open':
        case 'replayed':
          return decided(DeadLetterDiscardedV1, { reason: command.reason });
      }
  }
}

function replay(
  now: string,
  letter: Exclude<DeadLetter, { readonly state: 'absent' }>,
): Decision<typeof DeadLetterReplayedV1> {
  switch (letter.state) {
    case 'settled':
      return refused('dead-letter-closed', 'a replay of it has settled it; there is nothing left to replay');
    case 'discarded':
      return refused('dead-letter-closed', 'it was discarded; what was discarded is not replayed');
    case 'replayed':
      if (Date.parse(now) - Date.parse(letter.replay?.at ?? now) < REPLAY_SILENCE_MS) return NOTHING;
      return decided(DeadLetterReplayedV1, letter.givenUp);
    case 'open':
      return decided(DeadLetterReplayedV1, letter.givenUp);
  }
}

export const deadLetterDecider: Decider<DeadLetter, DeadLetterCommand, DeadLetterEvent> = {
  foldVersion: 1,
  initial: NO_DEAD_LETTER,
  decide: decideDeadLetter,
  evolve: evolveDeadLetter,
};
