import type { Checkpoint, Snapshot, SnapshotStore } from '@anime/event-store';
import { MemorySnapshotStore } from '@anime/event-store/testing';
import { MemoryLog } from '@anime/event-store/memory';
import { ProblemError } from '@anime/problem-details';
import { describe, expect, it } from '@jest/globals';
import { SCHEDULER, studio, type Studio } from '../testing/studio.js';
import { OpenWorkKeeper } from './open-work-keeper.js';
import type { OrchestratorProcess } from './orchestrator-process.js';

function keeperOf(
  s: Studio,
  process: OrchestratorProcess,
  snapshots: SnapshotStore,
  log = s.log,
  now: () => number = () => 0,
): OpenWorkKeeper {
  return new OpenWorkKeeper({
    log,
    process,
    snapshots,
    schedulerId: SCHEDULER,
    now,
    onTrouble: (_what, error) => s.errors.push(error),
  });
}

/** A studio with one accepted job, and a snapshot of its open work. */
async function withSnapshot() {
  const s = await studio();
  const jobId = await s.request();
  await s.settle();
  const snapshots = new MemorySnapshotStore();
  await keeperOf(s, s.process, snapshots).save();
  return { s, jobId, snapshots };
}

describe('a snapshot of the open work', () => {
  it('is where the next start begins', async () => {
    const { s, jobId, snapshots } = await withSnapshot();
    const process = s.orchestrator();
    expect(await keeperOf(s, process, snapshots).restore()).toEqual(s.process.checkpoint);
    expect(process.work.job(jobId)?.state).toEqual(s.process.work.job(jobId)?.state);
  });

  it('is dropped when the log is shorter than it', async () => {
    const { s, jobId, snapshots } = await withSnapshot();
    s.log.restoreTo(3);
    const process = s.orchestrator();
    expect(await keeperOf(s, process, snapshots).restore()).toEqual({ position: 0, eventId: '' });
    expect(process.work.job(jobId)).toBeUndefined();
  });

  it('is dropped when the log holds something else at its position', async () => {
    const { s, snapshots } = await withSnapshot();
    const end = await s.log.end();
    s.log.restoreTo(end - 1);
    await s.request();
    const process = s.orchestrator();
    expect(await keeperOf(s, process, snapshots).restore()).toEqual({ position: 0, eventId: '' });
  });

  it('that is still being written is waited for, so that it is found not to belong to an older log', async () => {
    const { s, snapshots } = await withSnapshot();
    const written = Promise.withResolvers<void>();
    const named: unknown[] = [];
    const slow = {
      load: (aggregate: string, id: string) => snapshots.load(aggregate, id),
      save: async (aggregate: string, snapshot: Snapshot, foreign?: Checkpoint) => {
        named.push(foreign);
        await written.promise;
        await snapshots.save(aggregate, snapshot);
      },
    };
    const keeper = keeperOf(s, s.process, slow);
    await s.request();
    await s.settle();
    const late = s.process.checkpoint;
    void keeper.save();
    s.log.restoreTo(2);
    const restored = keeper.restore();
    written.resolve();
    expect(await restored).toEqual({ position: 0, eventId: '' });
    await s.settle();
    await keeper.save();
    expect(named).toEqual([undefined, late]);
  });

  it('that cannot be read costs time only, and the reason is told', async () => {
    const { s } = await withSnapshot();
    const away: SnapshotStore = {
      load: () => Promise.reject(new ProblemError('read-model-unavailable', 'PostgreSQL is away')),
      save: () => Promise.reject(new ProblemError('read-model-unavailable', 'PostgreSQL is away')),
    };
    const process = s.orchestrator();
    const keeper = keeperOf(s, process, away);
    expect(await keeper.restore()).toEqual({ position: 0, eventId: '' });
    expect(keeper.reason).toMatch(/PostgreSQL is away/);
    await s.settle(process);
    await keeper.save();
    expect(keeper.reason).toMatch(/cannot be written/);
  });

  it('that could not be written is tried again by time alone, and the reason goes with the success', async () => {
    const s = await studio();
    await s.request();
    await s.settle();
    const snapshots = new MemorySnapshotStore();
    const { save } = snapshots;
    let tries = 0;
    snapshots.save = async (...given) => {
      tries += 1;
      if (tries < 3) throw new ProblemError('read-model-unavailable', 'PostgreSQL is away');
      return save.apply(snapshots, given);
    };
    let now = 0;
    const keeper = keeperOf(s, s.process, snapshots, s.log, () => now);
    await keeper.save();
    for (const [at, expected] of [
      [4_000, 1],
      [5_000, 2],
      [9_000, 2],
      [10_000, 3],
      [60_000, 3],
    ] as const) {
      now = at;
      keeper.look();
      await new Promise(setImmediate);
      expect([at, tries]).toEqual([at, expected]);
    }
    expect(keeper.reason).toBeNull();
    expect((await snapshots.load('scheduler', SCHEDULER))?.position).toBe(s.process.checkpoint.position);
  });

  it('is not dropped because the log cannot be asked just now', async () => {
    const { s, snapshots } = await withSnapshot();
    const away = new MemoryLog();
    away.end = () => Promise.reject(new ProblemError('log-unavailable', 'NATS is away'));
    await expect(keeperOf(s, s.orchestrator(), snapshots, away).restore()).rejects.toThrow('NATS is away');
  });
});
