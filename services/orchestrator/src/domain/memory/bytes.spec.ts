import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bytesOf, gbOf } from './bytes.js';

describe('a size in bytes', () => {
  it('is the same after it was told in GB', () => {
    expect((8_589_606_912 / 1e9) * 1e9).toBeGreaterThan(8_589_606_912);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        expect(bytesOf(gbOf(bytes))).toBe(bytes);
      }),
      { numRuns: 10_000 },
    );
  });
});
