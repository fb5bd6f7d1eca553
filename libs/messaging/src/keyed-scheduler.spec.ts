import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KeyedScheduler } from './keyed-scheduler.js';

interface Work {
  readonly key: string | undefined;
  /** How often it takes a slot, one after the other. */
  readonly rounds: number;
  readonly fails: boolean;
}

const work: fc.Arbitrary<Work> = fc.record({
  key: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: undefined }),
  rounds: fc.integer({ min: 1, max: 3 }),
  fails: fc.boolean(),
});

describe('the keyed scheduler', () => {
  it('keeps the order of each key, never runs more than it may, and ends everything, whatever ends when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }),
        fc.array(work, { maxLength: 30 }),
        fc.scheduler(),
        async (concurrency, works, s) => {
          const scheduler = new KeyedScheduler(concurrency);
          const began: number[] = [];
          const ended: number[] = [];
          const activeKeys = new Set<string>();
          let running = 0;
          let most = 0;
          const tasks = works.map(({ key, rounds, fails }, i) =>
            scheduler
              .submit(key, async (slot) => {
                began.push(i);
                if (key !== undefined) {
                  expect(activeKeys.has(key)).toBe(false);
                  activeKeys.add(key);
                }
                for (let round = 0; round < rounds; round += 1) {
                  await slot(async () => {
                    running += 1;
                    most = Math.max(most, running);
                    await s.schedule(Promise.resolve(), `task ${i} round ${round}`);
                    running -= 1;
                  });
                }
                if (key !== undefined) activeKeys.delete(key);
                ended.push(i);
                if (fails) throw new Error(`task ${i}`);
              })
              .then(
                () => false,
                (error: Error) => error.message,
              ),
          );
          await s.waitFor(Promise.all(tasks));
          expect(await Promise.all(tasks)).toEqual(works.map(({ fails }, i) => (fails ? `task ${i}` : false)));
          expect(most).toBeLessThanOrEqual(concurrency);
          expect(ended).toHaveLength(works.length);
          for (const key of new Set(works.map((one) => one.key))) {
            if (key === undefined) continue;
            const own = works.flatMap((one, i) => (one.key === key ? [i] : []));
            expect(began.filter((i) => own.includes(i))).toEqual(own);
            expect(ended.filter((i) => own.includes(i))).toEqual(own);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('uses all of its concurrency', async () => {
    const scheduler = new KeyedScheduler(3);
    const gate = Promise.withResolvers<void>();
    let running = 0;
    const all = ['a', 'b', 'c', 'd'].map((key) =>
      scheduler.submit(key, (slot) =>
        slot(async () => {
          running += 1;
          await gate.promise;
        }),
      ),
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(running).toBe(3);
    gate.resolve();
    await Promise.all(all);
    expect(running).toBe(4);
  });

  it('lets others pass a task that never ends', async () => {
    const scheduler = new KeyedScheduler(2);
    void scheduler.submit('stuck', (slot) => slot(() => new Promise(() => undefined)));
    void scheduler.submit('stuck', () => Promise.reject(new Error('must not run')));
    const done: string[] = [];
    await Promise.all(
      ['a', 'b', 'c'].map((key) => scheduler.submit(key, (slot) => slot(async () => void done.push(key)))),
    );
    expect(done).toEqual(['a', 'b', 'c']);
  });

  it('wants at least one place', () => {
    expect(() => new KeyedScheduler(0)).toThrow(RangeError);
  });
});
