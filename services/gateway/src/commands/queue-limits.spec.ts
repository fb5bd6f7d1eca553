import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { QueueLimits } from './queue-limits.js';

/**
 * The limit of a project over a log of its own: `append` makes the next event of the log a job that waits, or one that no
 * longer does, and the read-model knows of the log what `show` has shown it.
 */
function limitOver({ limit: most = 3, waiting = 0, pause = (): Promise<void> => Promise.resolve() } = {}) {
  let now = 0;
  let counts = 0;
  let end = 0;
  let away = false;
  let held = Promise.resolve();
  let allowed: number | undefined = most;
  /** Each event of the log: one more that waits, or one fewer. */
  const log: (1 | -1)[] = Array.from({ length: waiting }, () => ((end += 1), 1));
  let shown = end;
  const sum = (events: readonly number[]): number => events.reduce((all, each) => all + each, 0);
  const limits = new QueueLimits({
    limit: 1_000,
    countWaiting: async (enough, projectId) => {
      if (projectId !== undefined) counts += 1;
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
  const store = (storing: () => Promise<{ position: number }>) =>
    limits.admit({ id: 'film-id', slug: 'film', settings: { waitingLimit: allowed } }, storing);
  return {
    store,
    admit: () => store(async () => append(1)),
    change: (limit: number | undefined) => void (allowed = limit),
    append,
    hold,
    show: (position = end) => void (shown = Math.max(shown, Math.min(position, end))),
    setBack: (position: number) => void (shown = position),
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

  it('counts what is stored while a slow count is under way', async () => {
    const { store, admit, append, pass, hold } = limitOver();
    const acknowledged = Promise.withResolvers<void>();
    const slow = store(async () => {
      await acknowledged.promise;
      return append(1);
    });
    await new Promise(setImmediate);
    pass(1_000);
    const release = hold();
    const second = admit();
    await new Promise(setImmediate);
    acknowledged.resolve();
    await slow;
    release();
    await second;
    await admit();
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('admits nobody on an old count: others have added jobs since', async () => {
    const { admit, append, show, pass } = limitOver();
    await admit();
    append(1);
    append(1);
    show();
    pass(3_600_000);
    const burst = await Promise.allSettled(Array.from({ length: 9 }, admit));
    expect(burst.map(({ status }) => status)).toEqual(burst.map(() => 'rejected'));
  });

  it('counts anew when it is set again, with the jobs that were admitted meanwhile and are not shown', async () => {
    const { store, admit, append, change } = limitOver();
    await admit();
    change(undefined);
    await admit();
    await admit();
    change(3);
    await expect(admit()).rejects.toMatchObject(FULL);
    change(undefined);
    const acknowledged = Promise.withResolvers<void>();
    const slow = store(async () => {
      await acknowledged.promise;
      return append(1);
    });
    change(4);
    await admit();
    acknowledged.resolve();
    await slow;
    change(5);
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
          const { append, show, shown, waiting } = queue;
          let allowed = most;
          const storing = async (fails: boolean) => {
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
              if (step === 'change') queue.change((allowed = allowed === most ? Math.ceil(most / 2) : most));
              return step === 'ask' || step === 'fail' ? queue.store(() => storing(step === 'fail')) : undefined;
            }),
          );
          const ended = Promise.allSettled(asked);
          await scheduler.waitFor(ended);
          for (const each of await ended)
            if (each.status === 'rejected' && !/wait already|log is away/.test(String(each.reason))) throw each.reason;
          show();
          const room = waiting() < allowed;
          const last = queue
            .store(() => storing(false))
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
    const { store, admit, append, show, counts } = limitOver();
    await admit();
    const acknowledged = Promise.withResolvers<void>();
    const slow = store(async () => {
      const stored = append(1);
      await acknowledged.promise;
      return stored;
    });
    const failing = Promise.withResolvers<{ position: number }>();
    const failed = store(() => failing.promise).catch((error: unknown) => error);
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

  it('counts on the jobs that a read-model knew before a crash of PostgreSQL set it back', async () => {
    const { admit, show, setBack, pass } = limitOver();
    for (let n = 0; n < 3; n += 1) await admit();
    show();
    await expect(admit()).rejects.toMatchObject(FULL);
    setBack(0);
    pass(1_000);
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('counts anew before it admits a job that waited long for others, which were not stored', async () => {
    const { store, admit, append, show, pass } = limitOver({ limit: 2 });
    const { promise: failing, reject } = Promise.withResolvers<never>();
    const stores = [store(() => failing), store(() => failing)];
    await new Promise(setImmediate);
    const third = admit();
    await new Promise(setImmediate);
    append(1);
    append(1);
    show();
    pass(5_000);
    reject(new Error('the log is away'));
    await Promise.allSettled(stores);
    await expect(third).rejects.toMatchObject(FULL);
  });

  it('asks a PostgreSQL that hangs one question for all projects', async () => {
    let asked = 0;
    const answer = Promise.withResolvers<{ count: number; position: number }>();
    const countWaiting = () => ((asked += 1), answer.promise);
    const limits = new QueueLimits({ limit: 1_000, countWaiting, clock: () => 0 });
    const films = Array.from({ length: 13 }, (_, n) => ({
      id: `${n}`,
      slug: `film-${n}`,
      settings: { waitingLimit: 1 },
    }));
    await Promise.all(films.map((film) => limits.admit(film, async () => ({ position: 1 }))));
    expect(asked).toBe(1);
    answer.resolve({ count: 0, position: 0 });
  });

  it('no longer counts a job that the read-model has not come to for a minute', async () => {
    const { admit, pass } = limitOver();
    for (let n = 0; n < 3; n += 1) await admit();
    pass(59_000);
    await expect(admit()).rejects.toMatchObject(FULL);
    pass(1_000);
    await admit();
  });

  it('says of a read-model that has not moved for a minute how long it has stood and where', async () => {
    const { admit, pass, append, show } = limitOver({ waiting: 3 });
    await expect(admit()).rejects.toMatchObject({ message: expect.not.stringContaining('stood') });
    append(-1);
    pass(75_000);
    await expect(admit()).rejects.toMatchObject({
      ...FULL,
      message: expect.stringContaining('stood at position 3 for 75 s'),
    });
    append(1);
    show();
    await expect(admit()).rejects.toMatchObject({ message: expect.not.stringContaining('stood') });
  });

  it('refuses nobody while the read-model is away, and counts again when it is back', async () => {
    const { admit, beAway, pass } = limitOver({ waiting: 100 });
    beAway(true);
    for (let n = 0; n < 10; n += 1) await admit();
    beAway(false);
    pass(1_000);
    await expect(admit()).rejects.toMatchObject(FULL);
  });

  it('takes a read-model that does not answer within a second for one that is away, until it answers', async () => {
    const { admit, hold, pass, counts } = limitOver({ waiting: 3 });
    await expect(admit()).rejects.toMatchObject(FULL);
    const release = hold();
    await admit();
    const asked = counts();
    for (let n = 0; n < 3; n += 1) {
      pass(1_000);
      await admit();
    }
    expect(counts()).toBe(asked);
    release();
    await new Promise(setImmediate);
    pass(1_000);
    await expect(admit()).rejects.toMatchObject(FULL);
  });
});
