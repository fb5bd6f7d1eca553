import { describe, expect, it } from '@jest/globals';
import { MemoryLog } from '../memory/memory-log.js';
import type { LogEntry } from '../log-entry.js';
import { assigned, cancelRequested, JOB, OTHER_JOB, started, termStarted } from '../testing/conformance/samples.js';
import { counterDecider } from '../testing/counter-decider.js';
import { JobSampledV0, JobSampledV1, JobSampledV2, SAMPLED_V1, SAMPLED_V2 } from '../testing/sampled-contracts.js';
import { testEvent } from '../testing/test-event.js';
import { AggregateCache } from './aggregate-cache.js';
import { MemorySnapshotStore } from '../testing/memory-snapshot-store.js';
import type { SnapshotStore } from './snapshot-store.js';

/** Counts the entries of aggregates that were read. */
class CountingLog extends MemoryLog {
  reads = 0;

  override async *readAggregate(...args: Parameters<MemoryLog['readAggregate']>): AsyncIterable<LogEntry> {
    for await (const entry of super.readAggregate(...args)) {
      this.reads += 1;
      yield entry;
    }
  }
}

async function cancels(log: MemoryLog, count: number, job = JOB): Promise<void> {
  for (let n = 0; n < count; n += 1) await log.append(cancelRequested(job));
}

describe('AggregateCache', () => {
  it('folds an aggregate once and then reads only what is new', async () => {
    const log = new CountingLog();
    await cancels(log, 10);
    const cache = new AggregateCache(log, counterDecider, 'job');
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 10 }, position: 10 });
    expect(log.reads).toBe(10);
    await cancels(log, 1, OTHER_JOB);
    await cache.load(JOB);
    expect(log.reads).toBe(10);
    await log.append(started(1));
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 10, attempts: [1] }, position: 12 });
    expect(log.reads).toBe(12); // the last known one again, to see that it is the same log, and the new one
  });

  it('knows nothing of an aggregate without messages', async () => {
    const cache = new AggregateCache(new MemoryLog(), counterDecider, 'job');
    expect(await cache.load(JOB)).toEqual({ state: counterDecider.initial, position: 0 });
  });

  it('counts void and fenced messages for the position but not for the state', async () => {
    const log = new MemoryLog();
    const cache = new AggregateCache(
      log,
      { ...counterDecider, evolve: (state) => ({ ...state, cancels: state.cancels + 1 }) },
      'job',
    );
    await log.append(termStarted(2));
    for (const put of [
      () => log.append(assigned(1, 1)),
      () => log.putRaw({ subject: `${log.root}.job.${JOB}.gateway` }),
    ]) {
      await put();
      expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 0 }, position: await log.end() });
    }
  });

  it('refuses to decide on an aggregate with an event of a newer version', async () => {
    const log = new MemoryLog({ catalogue: SAMPLED_V2 });
    await log.append(testEvent(JobSampledV2, JOB, { words: [], count: 0 }));
    const cache = new AggregateCache(log.withCatalogue(SAMPLED_V1), counterDecider, 'job');
    await expect(cache.load(JOB)).rejects.toMatchObject({
      code: 'newer-contract',
      message: expect.stringContaining('job.sampled.v2'),
    });
  });

  it('folds upcast events', async () => {
    const log = new MemoryLog({ catalogue: SAMPLED_V2 });
    await log.append(testEvent(JobSampledV0, JOB, { text: 'two words' }));
    await log.append(testEvent(JobSampledV1, JOB, { words: ['one'] }));
    const evolve = (sum: number, event: { readonly data: unknown }): number =>
      sum + (event.data as { count: number }).count;
    const cache = new AggregateCache<number>(log, { foldVersion: 1, initial: 0, evolve }, 'job');
    expect(await cache.load(JOB)).toMatchObject({ state: 3, position: 2 });
  });

  it('forgets what an older copy of the log, put in its place, does not have', async () => {
    const log = new MemoryLog();
    const cache = new AggregateCache(log, counterDecider, 'job');
    await cancels(log, 5);
    await cache.load(JOB);
    log.restoreTo(2);
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 2 }, position: 2 });
    await cancels(log, 1);
    await cache.load(JOB);
    log.restoreTo(1);
    for (const attempt of [1, 2, 3]) await log.append(started(attempt));
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 1, attempts: [1, 2, 3] }, position: 4 });
  });
});

describe('AggregateCache with snapshots', () => {
  async function withSnapshot(): Promise<{ log: CountingLog; snapshots: MemorySnapshotStore }> {
    const log = new CountingLog();
    const snapshots = new MemorySnapshotStore();
    await cancels(log, 20);
    await new AggregateCache(log, counterDecider, 'job', { snapshots }).load(JOB);
    await log.append(started(1));
    log.reads = 0;
    return { log, snapshots };
  }

  it('loads the newest snapshot and only the events behind it', async () => {
    const { log, snapshots } = await withSnapshot();
    const cache = new AggregateCache(log, counterDecider, 'job', { snapshots });
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 20, attempts: [1] }, position: 21 });
    expect(log.reads).toBe(2);
  });

  it('drops a snapshot of another fold version', async () => {
    const { log, snapshots } = await withSnapshot();
    const cache = new AggregateCache(log, { ...counterDecider, foldVersion: 2 }, 'job', { snapshots });
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 20, attempts: [1] } });
    expect(log.reads).toBe(21);
  });

  it('drops a snapshot that comes from another log', async () => {
    const { log, snapshots } = await withSnapshot();
    log.restoreTo(3);
    for (const attempt of [1, 2]) await log.append(started(attempt));
    const load = () => new AggregateCache(log, counterDecider, 'job', { snapshots }).load(JOB);
    expect(await load()).toMatchObject({ state: { cancels: 3, attempts: [1, 2] } });
    await cancels(log, 30);
    expect(await load()).toMatchObject({ state: { cancels: 33, attempts: [1, 2] } });
  });

  it('saves one from time to time, also of what this process appends itself', async () => {
    const log = new MemoryLog();
    const snapshots = new MemorySnapshotStore();
    const cache = new AggregateCache(log, counterDecider, 'job', { snapshots, snapshotEvery: 3 });
    for (let n = 1; n <= 7; n += 1) {
      await cancels(log, 1);
      await cache.load(JOB);
    }
    expect(await snapshots.load('job', JOB)).toMatchObject({
      id: JOB,
      position: 6,
      foldVersion: 1,
      state: { cancels: 6 },
    });
  });

  it('does without a store that fails, and says so', async () => {
    const failing: SnapshotStore = {
      load: () => Promise.reject(new Error('away')),
      save: () => Promise.reject(new Error('away')),
    };
    const errors: unknown[] = [];
    const log = new MemoryLog();
    await cancels(log, 20);
    const cache = new AggregateCache(log, counterDecider, 'job', {
      snapshots: failing,
      onSnapshotError: (error) => errors.push(error),
    });
    expect(await cache.load(JOB)).toMatchObject({ state: { cancels: 20 } });
    await cache.load(JOB);
    expect(errors).toHaveLength(2);
  });
});
