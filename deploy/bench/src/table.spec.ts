import { describe, expect, it } from '@jest/globals';
import { atLeast, atLeastTimesBaseline, type Figure } from './figure.js';
import { amount, markdownTable, textTable } from './table.js';

const FIGURES: readonly Figure[] = [
  {
    row: 'append',
    what: '256 at a time',
    unit: 'events/s',
    value: 4_512.7,
    baseline: { what: 'raw publish', value: 5_000 },
    budgets: [atLeastTimesBaseline(0.7), atLeast(10_000)],
    note: null,
  },
  { row: 'idle', what: 'memory', unit: 'MiB', value: null, baseline: null, budgets: [], note: 'measure on Linux' },
];

describe('the table', () => {
  it('shows figure, baseline, ratio, budgets and verdict in a terminal, notes below', () => {
    expect(textTable(FIGURES).split('\n')).toEqual([
      'row     what                   figure  baseline                      ratio  budget',
      'append  256 at a time  4 513 events/s  5 000 events/s (raw publish)   0.90  ≥ 0.7 × baseline, ≥ 10 000 events/s  missed',
      'idle    memory            unavailable                                                                            unavailable',
      'idle, memory: measure on Linux',
    ]);
  });

  it('shows the same in Markdown', () => {
    const lines = markdownTable(FIGURES).split('\n');
    expect(lines[1]).toBe('| --- | --- | ---: | --- | ---: | --- | --- |');
    expect(lines[2]).toBe(
      '| append | 256 at a time | 4 513 events/s | 5 000 events/s (raw publish) | 0.90 | ≥ 0.7 × baseline, ≥ 10 000 events/s | missed |',
    );
    expect(lines[3]).toBe('| idle | memory | unavailable | | | | unavailable |');
    expect(lines.at(-1)).toBe('- idle, memory: measure on Linux');
    // One cell too many or too few would shift all that follows.
    for (const line of lines.slice(0, 4)) expect(line.split('|')).toHaveLength(9);
  });

  it('writes amounts with the digits that matter', () => {
    expect([0.123, 1, 9.994, 12.34, 99.96, 123.4, 1_234_567.8, 0, -3.14159].map(amount)).toEqual([
      '0.12',
      '1',
      '9.99',
      '12.3',
      '100.0',
      '123',
      '1 234 568',
      '0',
      '-3.14',
    ]);
  });
});
