import { describe, expect, it } from '@jest/globals';
import {
  atLeast,
  atLeastTimesBaseline,
  atMost,
  atMostTimesBaseline,
  judge,
  ratioOf,
  type Budget,
  type Figure,
} from './figure.js';

const figure = (value: number | null, baseline: number | null, ...budgets: Budget[]): Figure => ({
  row: 'append',
  what: 'one at a time',
  unit: 'ms',
  value,
  baseline: baseline === null ? null : { what: 'raw', value: baseline },
  budgets,
  note: null,
});

describe('a figure', () => {
  it.each<[string, Figure, string]>([
    ['at its bound', figure(10, null, atLeast(10)), 'met'],
    ['above its upper bound', figure(10.1, null, atMost(10)), 'missed'],
    ['at its share of the baseline', figure(7, 10, atLeastTimesBaseline(0.7)), 'met'],
    ['below its share of the baseline', figure(6.9, 10, atLeastTimesBaseline(0.7)), 'missed'],
    ['above twice its baseline', figure(21, 10, atMostTimesBaseline(2)), 'missed'],
    ['that keeps one of two budgets', figure(9, 10, atLeastTimesBaseline(0.4), atLeast(10)), 'missed'],
    ['whose baseline was not measured', figure(9, null, atLeastTimesBaseline(0.4)), 'missed'],
    ['that was not measured', figure(null, 10, atMost(10)), 'unavailable'],
    ['without a budget', figure(9, 10), 'told'],
  ])('%s', (_what, given, verdict) => expect(judge(given)).toBe(verdict));

  it('has no ratio to nothing', () => {
    expect(ratioOf(figure(1, 0))).toBeNull();
    expect(ratioOf(figure(null, 1))).toBeNull();
    expect(ratioOf(figure(1, 4))).toBe(0.25);
  });
});
