import { describe, expect, it } from '@jest/globals';
import { QueueLimit } from './queue-limit.js';

/** A limit of 3 over a queue that the test fills; how often it was counted. */
function limitOver(queue: { waiting: number; away?: boolean }) {
  let now = 0;
  let counts = 0;
  let held = Promise.resolve();
  const limit = new QueueLimit({
    limit: 3,
    countWaiting: async () => {
      counts += 1;
      if (queue.away === true) throw new Error('PostgreSQL is away');
      const { waiting } = queue;
      await held;
      return waiting;
    },
    clock: () => now,
  });
  /** Keeps back the answers of counts that begin from now on. */
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return () => {
      held = Promise.resolve();
      resolve();
    };
  };
  return { limit, hold, pass: (ms: number) => void (now += ms), counts: () => counts };
}
const FULL = { code: 'queue-full', status: 429, retryable: true, retryAfter: 30 };

describe('the limit of waiting jobs', () => {
  it('refuses the job that would be one too many, and none before it', async () => {
    const queue = { waiting: 2 };
    const { limit } = limitOver(queue);
    await limit.admit();
    queue.waiting = 3;
    await expect(limit.admit()).rejects.toMatchObject(FULL);
  });

  it('admits again at once when the queue has become shorter', async () => {
    const queue = { waiting: 3 };
    const { limit } = limitOver(queue);
    await expect(limit.admit()).rejects.toMatchObject(FULL);
    queue.waiting = 2;
    await limit.admit();
  });

  it('asks the read-model once a second, or when the jobs that it admitted itself reach the limit', async () => {
    const queue = { waiting: 0 };
    const { limit, pass, counts } = limitOver(queue);
    for (let n = 0; n < 3; n += 1) await limit.admit();
    expect(counts()).toBe(1);
    await limit.admit();
    expect(counts()).toBe(2);
    pass(1_000);
    await limit.admit();
    expect(counts()).toBe(3);
  });

  it('counts what it admitted while a slow count was under way', async () => {
    const queue = { waiting: 0 };
    const { limit, pass, hold } = limitOver(queue);
    await limit.admit();
    queue.waiting = 1;
    pass(1_000);
    const release = hold();
    await limit.admit();
    release();
    await new Promise(setImmediate);
    queue.waiting = 2;
    await limit.admit();
    queue.waiting = 3;
    await expect(limit.admit()).rejects.toMatchObject(FULL);
  });

  it('refuses nobody while the read-model is away', async () => {
    const { limit } = limitOver({ waiting: 100, away: true });
    for (let n = 0; n < 10; n += 1) await limit.admit();
  });
});
