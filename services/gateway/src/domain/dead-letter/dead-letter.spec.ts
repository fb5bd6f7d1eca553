import {
  DeadLetterDiscardedV1,
  DeadLetterReplayedV1,
  DeadLetterScorerParkedV1,
  DeadLetterScorerSettledV1,
  type Sealed,
} from '@anime/contracts';
import { deadLetterIdOf, uuidv7, type NewEvent } from '@anime/event-store';
import { given, swapProperty, testEvent } from '@anime/event-store/testing';
import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { deadLetterDecider, REPLAY_SILENCE_MS, type DeadLetterCommand } from './dead-letter.decide.js';

const EVENT = uuidv7();
const ID = deadLetterIdOf('quality-scorer', EVENT);
const GIVEN_UP = { consumer: 'quality-scorer', eventId: EVENT, eventName: 'job.executed.v1', aggregateId: uuidv7() };
const START = Date.parse('2026-01-02T03:04:05.678Z');
const after = (ms: number): string => new Date(START + ms).toISOString();
const REPLAY: DeadLetterCommand = { kind: 'ReplayDeadLetter', now: after(1) };
const DISCARD: DeadLetterCommand = { kind: 'DiscardDeadLetter', reason: null };

const parkedBy = (cause: string): NewEvent =>
  testEvent(
    DeadLetterScorerParkedV1,
    ID,
    { ...GIVEN_UP, error: { code: 'blob-not-found', message: 'it is gone' }, deliveries: 5 },
    { causationId: cause },
  );
const parked = parkedBy(EVENT);
const replayed = testEvent(DeadLetterReplayedV1, ID, GIVEN_UP);
const again = testEvent(DeadLetterReplayedV1, ID, GIVEN_UP);
const settledBy = (replayId: string): NewEvent =>
  testEvent(DeadLetterScorerSettledV1, ID, {
    consumer: 'quality-scorer',
    eventId: EVENT,
    replayId,
    outcome: 'handled',
  });
const discarded = testEvent(DeadLetterDiscardedV1, ID, { reason: null });

describe('a replay', () => {
  it('of what nobody gave up is refused', () => {
    given(deadLetterDecider, []).when(REPLAY).thenRefused('dead-letter-not-found');
    given(deadLetterDecider, []).when(DISCARD).thenRefused('dead-letter-not-found');
  });

  it('of an open dead letter names the event and its consumer', () => {
    given(deadLetterDecider, [parked]).when(REPLAY).then(DeadLetterReplayedV1, GIVEN_UP);
  });

  it('while one is under way adds nothing', () => {
    given(deadLetterDecider, [parked, replayed]).when(REPLAY).thenNothing();
  });

  it('may be asked for once more when the first was not answered for an hour', () => {
    const late = (ms: number): DeadLetterCommand => ({ kind: 'ReplayDeadLetter', now: after(ms) });
    given(deadLetterDecider, [parked, replayed])
      .when(late(REPLAY_SILENCE_MS - 1))
      .thenNothing();
    given(deadLetterDecider, [parked, replayed]).when(late(REPLAY_SILENCE_MS)).then(DeadLetterReplayedV1, GIVEN_UP);
  });

  it('that failed again may be followed by another', () => {
    given(deadLetterDecider, [parked, replayed, parkedBy(replayed.id)])
      .when(REPLAY)
      .then(DeadLetterReplayedV1, GIVEN_UP);
  });

  it('of one that is settled or discarded is refused', () => {
    given(deadLetterDecider, [parked, replayed, settledBy(replayed.id)])
      .when(REPLAY)
      .thenRefused('dead-letter-closed');
    given(deadLetterDecider, [parked, discarded]).when(REPLAY).thenRefused('dead-letter-closed');
  });
});

describe('discarding', () => {
  it('closes an open dead letter and one whose replay is under way, with the reason as it was sealed', () => {
    const reason: Sealed = {
      sealed: 'aes-256-gcm',
      subject: uuidv7(),
      keyVersion: 1,
      nonce: 'AAAA',
      ciphertext: 'AAAA',
      tag: 'AAAA',
    };
    for (const history of [[parked], [parked, replayed]])
      given(deadLetterDecider, history)
        .when({ kind: 'DiscardDeadLetter', reason })
        .then(DeadLetterDiscardedV1, { reason });
  });

  it('what is discarded adds nothing, and what is settled is refused', () => {
    given(deadLetterDecider, [parked, discarded]).when(DISCARD).thenNothing();
    given(deadLetterDecider, [parked, replayed, settledBy(replayed.id)])
      .when(DISCARD)
      .thenRefused('dead-letter-closed');
  });
});

describe('the fold of a dead letter', () => {
  it('is not opened again by a repeat of the first parking, nor by the answer to an older replay', () => {
    given(deadLetterDecider, [parked, replayed, parked]).when(REPLAY).thenNothing();
    given(deadLetterDecider, [parked, replayed, again, parkedBy(replayed.id)])
      .when(REPLAY)
      .thenNothing();
  });

  it('is the same whether an answer was stored before or behind a decision that had not seen it', () => {
    const history = fc.constantFrom<readonly NewEvent[]>(
      [],
      [parked],
      [parked, replayed],
      [parked, replayed, parkedBy(replayed.id)],
      [parked, replayed, again],
      [parked, replayed, settledBy(replayed.id)],
      [parked, discarded],
    );
    const answer = fc.constantFrom(parkedBy(replayed.id), settledBy(replayed.id), parkedBy(again.id), parked);
    const decision = fc.constantFrom<NewEvent>(discarded, testEvent(DeadLetterReplayedV1, ID, GIVEN_UP));
    // An answer to a replay stands behind it; only the first parking may be first of all.
    swapProperty(deadLetterDecider, {
      history: history.filter((events) => events.length > 0),
      pair: fc.tuple(answer, decision),
      view: (letter) => letter.state,
    });
  });
});
