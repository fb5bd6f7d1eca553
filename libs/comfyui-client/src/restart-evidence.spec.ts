import { describe, expect, it } from '@jest/globals';
import { restartEvidence } from './restart-evidence.js';

const before = { highestNumber: 7, known: ['a', 'b'] };

describe('restartEvidence', () => {
  it('sees a count that fell, or stood, as each prompt has a higher number in one life of the server', () => {
    expect(restartEvidence(before, { number: 0 })).toEqual({ kind: 'number-fell', from: 7, to: 0 });
    expect(restartEvidence(before, { number: 7 })).toEqual({ kind: 'number-fell', from: 7, to: 7 });
    expect(restartEvidence(before, { number: 8 })).toBeUndefined();
  });

  it('sees that everything is forgotten, and leaves a single one to who may have deleted it', () => {
    expect(restartEvidence(before, { absent: ['b', 'a', 'c'] })).toEqual({
      kind: 'all-forgotten',
      promptIds: ['a', 'b'],
    });
    expect(restartEvidence(before, { number: 8, absent: ['a'] })).toBeUndefined();
  });

  it('knows nothing of a server that it has not met', () => {
    expect(restartEvidence({ highestNumber: null, known: [] }, { number: 0, absent: ['a'] })).toBeUndefined();
  });

  it('takes a number that is NaN for none', () => {
    expect(restartEvidence(before, { number: null })).toBeUndefined();
  });
});
