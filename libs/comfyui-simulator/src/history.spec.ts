import { describe, expect, it } from '@jest/globals';
import { History, type HistoryEntry } from './history.js';

const entry = (id: string): HistoryEntry => ({
  prompt: [0, id, {}, {}, []],
  outputs: {},
  status: { status_str: 'success', completed: true, messages: [] },
  meta: {},
});

describe('the history', () => {
  it('keeps one more than 10 000, the newest', () => {
    const history = new History();
    for (let index = 0; index <= 10_100; index += 1) history.add(entry(String(index)));
    expect(history.all()).toHaveLength(10_001);
    expect(history.get('99')).toBeUndefined();
    expect(history.get('100')).toBeDefined();
    expect(history.get('10100')).toBeDefined();
  });

  it('keeps the last run of an id at the place of its first', () => {
    const history = new History();
    for (const id of ['a', 'b']) history.add(entry(id));
    const second = entry('a');
    history.add(second);
    expect(Object.keys(history.page())).toEqual(['a', 'b']);
    expect(history.get('a')).toBe(second);
  });
});
