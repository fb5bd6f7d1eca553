import type { Checkpoint } from '@anime/event-store';
import { AggregateSnapshots, createDatabase, PostgresSnapshotStore, type Database } from '@anime/projections';
import { createTestDatabase, eventually, type TestDatabase } from '@anime/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCHEDULER, studio, type Studio } from '../testing/studio.js';
import { OpenWorkKeeper } from './open-work-keeper.js';
import type { OrchestratorProcess } from './orchestrator-process.js';

const BEGINNING: Checkpoint = { position: 0, eventId: '' };

describe('snapshots after an older copy of the log was put in place', () => {
  let server: TestDatabase;
  let database: Database;
  beforeEach(async () => {
    server = await createTestDatabase();
    database = createDatabase({
      url: server.url,
      schema: 'orchestrator',
      migrations: [{ name: '0001-aggregate-snapshots', class: AggregateSnapshots }],
      applicationName: 'test',
      poolSize: 2,
    });
  });
  afterEach(async () => {
    await database.close();
    await server[Symbol.asyncDispose]();
  });

  const keeperOf = (s: Studio, process: OrchestratorProcess, now = () => 0): OpenWorkKeeper =>
    new OpenWorkKeeper({
      log: s.log,
      process,
      snapshots: new PostgresSnapshotStore(database),
      schedulerId: SCHEDULER,
      now,
      onTrouble: (_what, error) => s.errors.push(error),
    });
  /** Where a start would begin now. */
  const nextStart = (s: Studio): Promise<Checkpoint> => keeperOf(s, s.orchestrator()).restore();

  it('are kept again at once by the orchestrator that runs on', async () => {
    const s = await studio();
    let now = 0;
    const keeper = keeperOf(s, s.process, () => now);
    await keeper.restore();
    for (let n = 0; n < 5; n += 1) await s.request();
    await s.settle();
    await keeper.save();
    expect(await nextStart(s)).toEqual(s.process.checkpoint);

    s.log.restoreTo(2);
    expect(await keeper.restore()).toEqual(BEGINNING);
    await s.request();
    await s.settle();
    now = 60_000;
    keeper.onBatch({
      entries: [],
      checkpoint: s.process.checkpoint,
      caughtUp: true,
      end: s.process.checkpoint.position,
    });
    await eventually(async () => (await nextStart(s)).eventId === s.process.checkpoint.eventId, {
      what: 'a snapshot of the older log is kept',
    });
    expect(s.errors).toEqual([]);
  });

  it('of a slower orchestrator on that copy do not replace those of a faster one', async () => {
    const s = await studio();
    await s.request();
    await s.settle();
    await keeperOf(s, s.process).save();
    const [fast, slow] = [s.orchestrator(), s.orchestrator(undefined, () => false)];
    const [ofFast, ofSlow] = [keeperOf(s, fast), keeperOf(s, slow)];
    s.log.restoreTo(2);
    expect([await ofFast.restore(), await ofSlow.restore()]).toEqual([BEGINNING, BEGINNING]);
    await s.settle(slow);
    await s.request();
    await s.settle(fast);
    await ofFast.save();
    await ofSlow.save();
    expect(await nextStart(s)).toEqual(fast.checkpoint);
  });
});
