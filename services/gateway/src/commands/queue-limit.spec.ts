import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QueueLimit } from './queue-limit.js';

/**
 * A limit over a queue of its own: `store` makes the next event of the log a job that waits, and the read-model knows of
 * the log what `show` has shown it.
 */
function limitOver({ limit: most = 3, waiting = 0, pause = (): Promise<void> => Promise.resolve() } = {}) {
  let now = 0;
  let counts = 0;
  let end = 0;
  let away = false;
  let held = Promise.resolve();
  /** Each event of the log: one more that waits, or one fewer. */
  const log: (1 | -1)[] = Array.from({ length: waiting }, () => ((end += 1), 1));
  let shown = end;
  const sum = (events: readonly number[]): number => events.reduce((all, each) => all + each, 0);
  const limit = new QueueLimit({
    limit: most,
    countWaiting: async (enough) => {
      counts += 1;
      await pause();
      if (away) throw new Error('PostgreSQL is away');
      const counted = { count: Math.min(sum(log.slice(0, shown)), enough), position: shown };
      await held;
      await pause();
      return counted;
    },
    clock: () => now,
  });
  const append = (change: 1 | -1) => ({ position: (end = log.push(change)) });
  /** Keeps back the answers of counts that begin from now on. */
  const hold = (): (() => void) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    return () => {
      held = Promise.resolve();
      resolve();
    };
  };
  return {
    limit,
    admit: () => limit.admit(async () => append(1)),
    append,
    hold,
    show: (position = end) => void (shown = Math.max(shown, Math.min(position, end))),
    shown: () => shown,
    waiting: () => sum(log),
    beAway: (value: boolean) => void (away = value),
    pass: (ms: number) => void (now += ms),
    counts: () => counts,
  };
}
const FULL = { code: 'queue-full', status: 429, retryable: true, retryAfter: 30 };

describe('the limit of waiting jobs', () => {
  it('refuses the job that would be one too many, and none before it', async () => {
    const { admit } = limitOver({ waiting: 2 });
    await admit();
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('admits again at once when the queue has become shorter', async () => {
    const { admit, append, show } = limitOver({ waiting: 3 });
    await expect(admit()).rejects.toMatchObject(FULL);
    append(-1);
    await expect(admit()).rejects.toMatchObject(FULL);
    show();
    await admit();
  });

  it('asks the read-model once a second, or when the jobs that it admitted itself reach the limit', async () => {
    const { admit, append, show, pass, counts } = limitOver();
    for (let n = 0; n < 3; n += 1) await admit();
    expect(counts()).toBe(1);
    for (let n = 0; n < 3; n += 1) append(-1);
    show();
    await admit();
    expect(counts()).toBe(2);
    pass(1_000);
    await admit();
    expect(counts()).toBe(3);
  });

  it('counts what it admitted while a slow count was under way', async () => {
    const { admit, show, pass, hold } = limitOver();
    await admit();
    show();
    pass(1_000);
    const release = hold();
    await admit();
    release();
    await new Promise(setImmediate);
    await admit();
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('never lets more wait than may, and refuses nobody for whom there is room, however stores, counts and reads interleave', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.constantFrom('ask', 'ask', 'ask', 'fail', 'start', 'show', 'second', 'change'), { maxLength: 40 }),
        async (scheduler, most, steps) => {
          const queue = limitOver({ limit: most, pause: () => scheduler.schedule(Promise.resolve()) });
          const { limit, append, show, shown, waiting } = queue;
          let allowed = most;
          const store = async (fails: boolean) => {
            await scheduler.schedule(Promise.resolve());
            if (fails) throw new Error('the log is away');
            const stored = append(1);
            // The limit may have been lowered since the job was admitted.
            expect(waiting()).toBeLessThanOrEqual(most);
            await scheduler.schedule(Promise.resolve());
            return stored;
          };
          const asked = steps.map((step) =>
            scheduler.schedule(Promise.resolve()).then(() => {
              if (step === 'show') show(shown() + 2);
              if (step === 'second') queue.pass(1_000);
              if (step === 'start' && waiting() > 0) append(-1);
              if (step === 'change') limit.changeLimit((allowed = allowed === most ? Math.ceil(most / 2) : most));
              return step === 'ask' || step === 'fail' ? limit.admit(() => store(step === 'fail')) : undefined;
            }),
          );
          const ended = Promise.allSettled(asked);
          await scheduler.waitFor(ended);
          for (const each of await ended)
            if (each.status === 'rejected' && !/wait already|log is away/.test(String(each.reason))) throw each.reason;
          show();
          const room = waiting() < allowed;
          const last = limit
            .admit(() => store(false))
            .then(
              () => true,
              () => false,
            );
          expect(await scheduler.waitFor(last)).toBe(room);
        },
      ),
    );
  });

  it('waits for jobs that are being stored before it refuses another: some may be counted already, or fail', async () => {
    const { limit, admit, append, show, counts } = limitOver();
    await admit();
    const acknowledged = Promise.withResolvers<void>();
    const slow = limit.admit(async () => {
      const stored = append(1);
      await acknowledged.promise;
      return stored;
    });
    const failing = Promise.withResolvers<{ position: number }>();
    const failed = limit.admit(() => failing.promise).catch((error: unknown) => error);
    show();
    const third = admit();
    await new Promise(setImmediate);
    expect(counts()).toBe(2);
    acknowledged.resolve();
    failing.reject(new Error('the log is away'));
    await Promise.all([slow, third]);
    expect(await failed).toMatchObject({ message: 'the log is away' });
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('no longer counts a job that the read-model has not come to for a minute', async () => {
    const { admit, pass } = limitOver();
    for (let n = 0; n < 3; n += 1) await admit();
    pass(59_000);
    await expect(admit()).rejects.toMatchObject(FULL);
    pass(1_000);
    await admit();
  });

  it('refuses nobody while the read-model is away, and counts again when it is back', async () => {
    const { admit, beAway, pass } = limitOver({ waiting: 100 });
    beAway(true);
    for (let n = 0; n < 10; n += 1) await admit();
    beAway(false);
    pass(1_000);
    await admit();
    await expect(admit()).rejects.toMatchObject(FULL);
  });
});
