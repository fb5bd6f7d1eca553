import { describe, expect, it } from '@jest/globals';
import { PROBLEMS, type ProblemCode } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import fc from 'fast-check';
import { DONE } from './consumer-table.js';
import { backoffOf, outcomeOfThrow, settlementOf } from './settlement.js';

const error = new Error('x');
const row = { backoffMs: [100, 500, 2_000] };
const code = fc.constantFrom(...(Object.keys(PROBLEMS) as ProblemCode[]));

describe('how a message is settled', () => {
  it('acknowledges what is done, however often it was tried', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), (attempts) =>
        expect(settlementOf(DONE, attempts, { ...row, maxDeliveries: 1 })).toEqual({ kind: 'ack' }),
      ),
    );
  });

  it('waits as the table says before each next try, the last delay for all that follow', () => {
    expect([1, 2, 3, 4, 99].map((attempts) => backoffOf(attempts, row.backoffMs))).toEqual([
      100, 500, 2_000, 2_000, 2_000,
    ]);
    expect(backoffOf(1, [])).toBe(1_000);
    expect(settlementOf({ kind: 'retry', error, delayMs: 7 }, 1, row)).toEqual({ kind: 'again', delayMs: 7, error });
  });

  it('parks at the last permitted try and never before, without a limit never', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (attempts, maxDeliveries) => {
        const outcome = { kind: 'retry', error } as const;
        expect(settlementOf(outcome, attempts, { ...row, maxDeliveries }).kind).toBe(
          attempts >= maxDeliveries ? 'park' : 'again',
        );
        expect(settlementOf(outcome, attempts, row).kind).toBe('again');
      }),
    );
  });

  it('parks what the handler says must be parked', () => {
    expect(settlementOf({ kind: 'park', error }, 1, row)).toEqual({ kind: 'park', error });
  });

  it('takes a throw for a retry, unless the problem says that a repeat makes no sense', () => {
    expect(outcomeOfThrow(error)).toEqual({ kind: 'retry', error });
    expect(outcomeOfThrow('text')).toEqual({ kind: 'retry', error: 'text' });
    fc.assert(
      fc.property(code, (one) =>
        expect(outcomeOfThrow(new ProblemError(one, 'x')).kind).toBe(PROBLEMS[one].retryable ? 'retry' : 'park'),
      ),
    );
  });
});
