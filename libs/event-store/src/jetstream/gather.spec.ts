import { describe, expect, it } from '@jest/globals';
import type { JsMsg } from '@nats-io/jetstream';
import { gather } from './gather.js';

/** Messages of which the server says how many come after each. */
async function* announced(count: number): AsyncGenerator<JsMsg> {
  for (let seq = 1; seq <= count; seq += 1) {
    // All that `gather` looks at.
    yield { seq, info: { pending: count - seq } } as unknown as JsMsg;
  }
}

/** Takes as long as reading an event does, so that the pause between batches may end anywhere. */
function read({ seq }: JsMsg): number {
  const until = performance.now() + 0.06;
  while (performance.now() < until);
  return seq;
}

describe('messages in batches', () => {
  it.each([500, 16])(
    'are handed on in order, each once, and with the last of them it is told that no more come (at most %i)',
    async (max) => {
      const sizes = Array.from({ length: 40 }, (_, index) => (index + 1) * 8);
      for (const count of sizes) {
        const taken: number[] = [];
        const told: boolean[] = [];
        for await (const { items, drained } of gather(announced(count), max, read)) {
          taken.push(...items);
          told.push(drained);
        }
        expect(taken).toEqual(Array.from({ length: count }, (_, index) => index + 1));
        expect({ count, told: told.at(-1) }).toEqual({ count, told: true });
        expect(told.slice(0, -1)).not.toContain(true);
      }
    },
  );
});
