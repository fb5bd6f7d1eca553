import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { LogEntry } from '../log-entry.js';
import { recordedFrom } from '../recorded-from.js';
import { assigned, cancelRequested, termStarted } from '../testing/conformance/samples.js';
import { fence, TermTable } from './term-table.js';

/** A log: a number is a term of that epoch, a negative one a decision under the epoch, 0 an event without epoch. */
function entries(log: readonly number[]): LogEntry[] {
  return log.map((n, index) => {
    const event = n > 0 ? termStarted(n) : n < 0 ? assigned(1, -n) : cancelRequested();
    return { status: 'event', position: index + 1, event: recordedFrom(event, index + 1) };
  });
}

function statuses(log: readonly number[]): string[] {
  const terms = new TermTable();
  return entries(log).map((entry) => {
    const { status } = fence(entry, terms);
    terms.add(entry);
    return status;
  });
}

describe('fencing', () => {
  it('drops a decision behind a higher term only', () => {
    expect(statuses([1, -1, 2, -1, -2, 0])).toEqual(['event', 'event', 'event', 'fenced', 'event', 'event']);
  });

  it('is that a term of a higher epoch stands before the event, whatever the log', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -4, max: 4 })), (log) => {
        const expected = log.map((n, index) =>
          n !== 0 && log.slice(0, index).some((earlier) => earlier > Math.abs(n)) ? 'fenced' : 'event',
        );
        expect(statuses(log)).toEqual(expected);
      }),
    );
  });

  it('answers for the past after it has read on, and takes each entry once', () => {
    const terms = new TermTable();
    const log = entries([1, -1, 3, -1, 2]);
    for (const entry of [...log, ...log]) terms.add(entry);
    expect([1, 2, 3, 4, 5, 9].map((position) => terms.epochBefore(position))).toEqual([0, 1, 1, 3, 3, 3]);
    expect(terms.completeTo).toBe(5);
  });
});
