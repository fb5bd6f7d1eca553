import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { best, percentile } from './statistics.js';

const samples = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 });

describe('a percentile', () => {
  it('is the smallest sample that the share does not exceed', () => {
    expect(percentile([5, 1, 4, 2, 3], 0.5)).toBe(3);
    expect(percentile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(percentile([7], 0.99)).toBe(7);
    expect(percentile([3, 1, 2], 0)).toBe(1);
    expect(percentile([3, 1, 2], 1)).toBe(3);
  });

  it('has its share of the samples at or below it, in whatever order they come', () => {
    fc.assert(
      fc.property(samples, fc.double({ min: 0.01, max: 1, noNaN: true }), (values, share) => {
        const value = percentile(values, share);
        expect(values).toContain(value);
        expect(values.filter((other) => other <= value).length).toBeGreaterThanOrEqual(
          Math.floor(share * values.length),
        );
        expect(percentile(values.toReversed(), share)).toBe(value);
      }),
    );
  });

  it('is refused of nothing', () => {
    expect(() => percentile([], 0.5)).toThrow('nothing');
    expect(() => best([], 'more')).toThrow('nothing');
  });
});

describe('the best window', () => {
  it('is the highest rate and the lowest time', () => {
    expect(best([2, 3, 1], 'more')).toBe(3);
    expect(best([2, 3, 1], 'less')).toBe(1);
  });
});
