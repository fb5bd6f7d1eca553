import { setImmediate as nextTurn } from 'node:timers/promises';

/** So long work may keep everything else waiting. */
const TURN_MS = 8;

/** The items, with a turn for everything else whenever the work on them has taken some milliseconds. */
export async function* inPieces<T>(items: Iterable<T>): AsyncGenerator<T, void, void> {
  let began = performance.now();
  for (const item of items) {
    yield item;
    if (performance.now() - began < TURN_MS) continue;
    await nextTurn();
    began = performance.now();
  }
}
