import { describe, expect, it } from '@jest/globals';
import { EVENT_DATA_LIMIT, FailureEvidence } from '@anime/contracts';
import fc from 'fast-check';
import { withinEvent } from './told-size.js';

const long = (limit: number) =>
  fc.oneof(
    fc.string({ unit: 'binary', maxLength: 50 }),
    fc.tuple(fc.constantFrom('x', '猫', '\u0000', '"', '😀', '\ud800'), fc.nat(limit)).map(([c, n]) => c.repeat(n)),
  );

describe('what a server said', () => {
  it('always fits into an event, within the limits of its contract, and begins as it did', () => {
    fc.assert(
      fc.property(
        long(300_000),
        fc.record({
          nodeId: long(5_000),
          nodeType: long(5_000),
          exceptionType: long(5_000),
          exceptionMessage: long(20_000),
          response: long(20_000),
          traceback: fc.array(long(4_000), { maxLength: 100 }),
        }),
        (message, evidence) => {
          const told = withinEvent({ message, evidence });
          expect(Buffer.byteLength(JSON.stringify(told))).toBeLessThan(EVENT_DATA_LIMIT / 2);
          expect(FailureEvidence.safeParse(told.evidence).success).toBe(true);
          expect(message.startsWith(told.message.replace(/…$/, ''))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is kept whole when it is short, and of a long traceback the end, where the error is', () => {
    const short = { message: 'm', evidence: { nodeId: '3', traceback: ['a', 'b'], httpStatus: 400 } };
    expect(withinEvent(short)).toEqual(short);
    const traceback = Array.from({ length: 100 }, (_, n) => `${n} ${'猫'.repeat(3_900)}`);
    const kept = withinEvent({ message: 'm', evidence: { traceback } }).evidence.traceback ?? [];
    expect(kept.length).toBeGreaterThan(2);
    expect(kept.at(-1)).toBe(traceback.at(-1));
  });
});
