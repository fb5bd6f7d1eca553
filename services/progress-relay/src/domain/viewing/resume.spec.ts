import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { canContinue, parseToken, tokenOf } from './resume.js';

describe('a resume token', () => {
  it('is read back as it was written', () => {
    const place = fc.record({ created: fc.nat({ max: 2 ** 48 }), seq: fc.nat({ max: 2 ** 48 }) });
    fc.assert(fc.property(place, (given) => expect(parseToken(tokenOf(given))).toEqual(given)));
  });

  it.each(['', ':', '1', '1:', ':1', '1:2:3', '-1:2', '1:2 ', 'a:b', `${'9'.repeat(16)}:1`])('is not %j', (text) => {
    expect(parseToken(text)).toBeUndefined();
  });
});

const CREATED = 1_000;

describe('going on at a place', () => {
  const kept = { created: CREATED, firstSeq: 1, lastSeq: 100, limit: 10, oldest: 40, behind: 3 };

  it('is not possible in another creation of the stream, or beyond its end', () => {
    expect(canContinue({ created: CREATED + 1, seq: 50 }, kept)).toBe(false);
    expect(canContinue({ created: CREATED, seq: 101 }, kept)).toBe(false);
    expect(canContinue({ created: CREATED, seq: 100 }, kept)).toBe(true);
  });

  it('never leaves a message out: when the answer is yes, the stream still holds all that lay behind the place', () => {
    const script = fc.array(fc.boolean(), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(script, fc.integer({ min: 1, max: 8 }), fc.nat(60), fc.nat(60), (ours, limit, tooOld, at) => {
        // Every true is a message of the job, every false one of another; both limits evict the oldest.
        const all = ours.map((own, index) => ({ seq: index + 1, own }));
        const mine = all.filter(({ own }) => own).map(({ seq }) => seq);
        const firstSeq = Math.min(tooOld, all.length) + 1;
        const still = mine.slice(-limit).filter((seq) => seq >= firstSeq);
        const seq = Math.min(at, all.length);
        const behind = still.filter((one) => one > seq);
        const answer = canContinue(
          { created: CREATED, seq },
          { created: CREATED, firstSeq, lastSeq: all.length, limit, oldest: still[0], behind: behind.length },
        );
        if (answer) expect(behind).toEqual(mine.filter((one) => one > seq));
        // And it is not needlessly no: a job that lost nothing, with room to spare, goes on.
        if (firstSeq === 1 && mine.length < limit) expect(answer).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
