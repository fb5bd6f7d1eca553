import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { QueueItem } from './graph.js';
import { HeapTieError, PromptHeap } from './heap.js';

const item = (number: number, promptId: string): QueueItem => [number, promptId, {}, {}, []];

describe('the prompt heap', () => {
  it('hands items out by number, equal numbers by prompt id', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(fc.integer({ min: -5, max: 5 }), fc.uuid()), { selector: ([, id]) => id }),
        (entries) => {
          const heap = new PromptHeap();
          for (const [number, id] of entries) heap.push(item(number, id));
          const taken = entries.map(() => heap.pop()).map((entry) => [entry?.[0], entry?.[1]]);
          const sorted = [...entries].sort(([a, x], [b, y]) => a - b || (x < y ? -1 : 1));
          expect(taken).toEqual(sorted);
          expect(heap.pop()).toBeUndefined();
        },
      ),
    );
  });

  it('keeps every other item in order when one is removed from the middle', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 99 }), { minLength: 1 }), fc.nat(), (numbers, choice) => {
        const heap = new PromptHeap();
        for (const number of numbers) heap.push(item(number, `id${number}`));
        const victim = numbers[choice % numbers.length];
        expect(heap.removeFirst((entry) => entry[0] === victim)?.[0]).toBe(victim);
        const rest = numbers.filter((number) => number !== victim).sort((a, b) => a - b);
        expect(rest.map(() => heap.pop()?.[0])).toEqual(rest);
      }),
    );
  });

  it('shows heap order, which is not run order', () => {
    const heap = new PromptHeap();
    for (const number of [1, 5, 2]) heap.push(item(number, `id${number}`));
    expect(heap.snapshot().map(([number]) => number)).toEqual([1, 5, 2]);
  });

  it('refuses a tie of number and prompt id, and has stored the item all the same', () => {
    const heap = new PromptHeap();
    heap.push(item(3, 'same'));
    expect(() => heap.push(item(3, 'same'))).toThrow(HeapTieError);
    expect(heap.size).toBe(2);
  });
});
