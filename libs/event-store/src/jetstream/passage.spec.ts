import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { StoredMessage } from '../codec/stored-message.js';
import { behind, checkpointOf, emptyPassage, endOf, extended, leadsOnFrom, type Read } from './passage.js';

function readAt(position: number): Read {
  const header = (name: string): string | undefined => (name === 'ce-id' ? `id-${position}` : undefined);
  const message: StoredMessage = { position, subject: 'anime.job.1.studio', header, data: new Uint8Array() };
  return {
    entry: { status: 'unknown', position, subject: message.subject, name: 'unheard-of', eventId: `id-${position}` },
    message,
  };
}

/** Lengths of what is read one after the other, where that begins, and how much is kept of what was before. */
const reading = fc.record({
  start: fc.nat({ max: 5 }),
  lengths: fc.array(fc.nat({ max: 6 }), { maxLength: 8 }),
  keep: fc.integer({ min: 1, max: 10 }),
});

function passageOf({ start, lengths, keep }: { start: number; lengths: readonly number[]; keep: number }) {
  let passage = emptyPassage(start === 0 ? { position: 0, eventId: '' } : checkpointOf(readAt(start)));
  let end = start;
  for (const length of lengths) {
    const items = Array.from({ length }, (_, n) => readAt(end + n + 1));
    end += length;
    passage = extended(passage, { items, caughtUp: false, end }, keep);
  }
  return { passage, end };
}

describe('a passage of the log', () => {
  it('leads on from each place in it, and none else, to its end, and keeps what it is told to of what it had', () => {
    fc.assert(
      fc.property(reading, (how) => {
        const { passage, end } = passageOf(how);
        expect(endOf(passage).position).toBe(end);
        const last = how.lengths.at(-1) ?? 0;
        expect(passage.items).toHaveLength(Math.min(end - how.start, how.keep + last));
        expect(passage.after.position).toBe(end - passage.items.length);
        for (let position = 1; position <= end + 2; position += 1) {
          const inside = position >= passage.after.position && position <= end;
          expect(leadsOnFrom(passage, checkpointOf(readAt(position)))).toBe(inside);
          expect(leadsOnFrom(passage, { position, eventId: 'of-another-log' })).toBe(false);
          if (!inside) continue;
          expect(behind(passage, position).map(({ entry }) => entry.position)).toEqual(
            Array.from({ length: end - position }, (_, n) => position + n + 1),
          );
        }
      }),
    );
  });
});
