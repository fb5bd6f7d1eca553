import { MemoryLog } from '@anime/event-store/memory';
import { recordAll } from '@anime/event-store/testing';
import { deriveId, type NewEvent } from '@anime/event-store';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DeadLetterEvent } from '../../domain/dead-letter/dead-letter.evolve.js';
import { rowAfter } from './dead-letter-row.js';
import { deadLettersProjection } from './dead-letters.projection.js';
import type { DeadLetterRow } from './rows.js';
import { letterEvents } from './testing/sample-letters.js';

const EVENT = deriveId('00000000-0000-5000-8000-000000000000', 'event');
const letter = letterEvents(EVENT, 'quality-scorer');

function rowOf(...events: readonly NewEvent[]): DeadLetterRow | undefined {
  return recordAll<DeadLetterEvent>(events).reduce<DeadLetterRow | undefined>(rowAfter, undefined);
}

describe('the row of a dead letter', () => {
  it('tells what was given up, how often, and by whom it was replayed', () => {
    const [first, wish, second] = [letter.parked, letter.replayed(1), letter.parkedAgain(3)];
    const again = { ...second, causationId: wish.id };
    expect(rowOf(first, wish, again)).toMatchObject({
      id: letter.id,
      position: 1,
      state: 'open',
      consumer: 'quality-scorer',
      event_id: EVENT,
      error_code: 'internal',
      deliveries: 3,
      parkings: 2,
      parked_at: first.time,
      last_parked_at: again.time,
      replays: 1,
      replayed_by: wish.actor,
      settled_at: null,
      discarded_at: null,
    });
  });

  it('is closed by the answer to its replay, and by a person', () => {
    expect(rowOf(letter.parked, letter.replayed(1), letter.settled(1))).toMatchObject({
      state: 'settled',
      outcome: 'handled',
    });
    const { actor: discarded_by, time: discarded_at } = letter.discarded;
    expect(rowOf(letter.parked, letter.discarded)).toMatchObject({ state: 'discarded', discarded_by, discarded_at });
  });

  it('counts nothing twice that the log holds twice, and makes no row of what nobody gave up', () => {
    const story = [letter.parked, letter.replayed(1), letter.parkedAgain(1), letter.replayed(2), letter.settled(2)];
    const once = rowOf(...story);
    fc.assert(
      fc.property(fc.array(fc.nat(story.length - 1)), (repeats) => {
        const repeated = story.flatMap((event, n) => [
          event,
          ...story.slice(0, n + 1).filter((_, k) => repeats.includes(k)),
        ]);
        expect({ ...rowOf(...repeated), position: 1 }).toEqual({ ...once, position: 1 });
      }),
    );
    expect(rowOf(letter.replayed(1), letter.settled(1), letter.discarded)).toBeUndefined();
  });
});

describe('a message without effect', () => {
  it('is listed by its position with its reason and size', async () => {
    const log = new MemoryLog();
    await log.putRaw({ subject: `${log.root}.dead-letter.x.gateway`, data: 'rubbish' });
    for await (const entry of log.read({ after: 0 }))
      if (entry.status === 'void')
        expect(deadLettersProjection.applyIneffective?.(entry)).toEqual([
          expect.objectContaining({
            put: {
              position: 1,
              kind: 'void',
              subject: `${log.root}.dead-letter.x.gateway`,
              reason: 'ce-specversion is missing',
              size: 7,
            },
          }),
        ]);
    expect.assertions(1);
  });
});
