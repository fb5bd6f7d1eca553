import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobRejectedV1 } from '@anime/contracts';
import { MemoryLog } from '@anime/event-store/memory';
import { isProblem } from '@anime/problem-details';
import { createTestDatabase, eventually, type TestDatabase } from '@anime/testing';
import type { Database } from './database.js';
import type { Projection } from './definition.js';
import { CHECKPOINTS } from './library-tables.js';
import { projectionRow } from './projection-row.js';
import { ProjectionRunner } from './projection-runner.js';
import { batchOf, logWith, rowsOf } from './test-support/batches.js';
import { followForEver, readToEnd } from './test-support/follow-log.js';
import { jobId, spoken, tally, tallyDatabase } from './test-support/tally.js';

const open: Database[] = [];
let server: TestDatabase;
beforeAll(async () => {
  server = await createTestDatabase();
});
afterAll(async () => {
  for (const database of open) await database.close();
  await server[Symbol.asyncDispose]();
});

/** Another connection pool onto a schema, as another process would have it. */
function databaseOf(schema: string): Database {
  const database = tallyDatabase(server.url, schema);
  open.push(database);
  return database;
}

describe('ProjectionRunner', () => {
  it('writes rows, versions and checkpoint of a batch', async () => {
    const database = databaseOf('rows');
    const log = await logWith(
      spoken.requested(1),
      spoken.cancelRequested(1),
      spoken.requested(1),
      spoken.cancelRequested(1),
      spoken.rejected(2),
    );
    await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    const id = jobId(1);
    expect(await database.query(`select to_json(t) as row from ${database.table('tallies')} t`)).toEqual([
      {
        row: {
          id,
          count: 3,
          last: 'job.cancel-requested',
          share: 1 / 3,
          words: ['a lighthouse', 'cancel', 'cancel'],
          position: 4,
        },
      },
    ]);
    const versions = await database.query(
      `select "count"::int, "from_position"::int as from, "to_position"::int as to from ${database.table('tallies_versions')} order by "from_position"`,
    );
    expect(versions).toEqual([
      { count: 1, from: 1, to: 2 },
      { count: 2, from: 2, to: 4 },
      { count: 3, from: 4, to: null },
    ]);
    expect(await database.positionOf('tally')).toBe(5);
  });

  it('writes nothing when somebody else moved the checkpoint', async () => {
    const database = databaseOf('cas');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database);
    await runner.open();
    await database.query(`update ${database.table(CHECKPOINTS.name)} set "position" = 7, "event_id" = $1`, [jobId(7)]);
    await expect(runner.apply(await batchOf(log))).rejects.toMatchObject({ code: 'append-conflict' });
    expect(await rowsOf(database, 'tallies')).toEqual([]);
    expect(await rowsOf(database, 'lines')).toEqual([]);
    expect(await database.positionOf('tally')).toBe(7);
  });

  it('rolls the whole batch back when the projection throws', async () => {
    const database = databaseOf('throws');
    const log = await logWith(spoken.requested(1), spoken.rejected(1));
    const faulty: typeof tally = {
      ...tally,
      apply: (rows, event) => (event.type === JobRejectedV1.type ? fail() : tally.apply(rows, event)),
    };
    const runner = new ProjectionRunner(faulty, database);
    await runner.open();
    await expect(runner.apply(await batchOf(log))).rejects.toThrow('a fault of the projection');
    expect(await rowsOf(database, 'lines')).toEqual([]);
    expect(await database.positionOf('tally')).toBe(0);
  });

  it('passes over what it has applied already', async () => {
    const database = databaseOf('again');
    const log = await logWith(spoken.requested(1), spoken.cancelRequested(1));
    const runner = new ProjectionRunner(tally, database);
    await runner.open();
    const batch = await batchOf(log);
    await runner.apply(batch);
    const before = await rowsOf(database, 'tallies_versions');
    await runner.apply(batch);
    await log.append(spoken.requested(3));
    await runner.apply(await batchOf(log));
    expect(await rowsOf(database, 'tallies_versions')).toHaveLength(before.length + 1);
    await runner.close();
  });

  it('lets one runner write at a time; the standby is told how far that one is and goes on where it stopped', async () => {
    const log = await logWith(spoken.requested(1));
    const first = new ProjectionRunner(tally, databaseOf('standby'));
    await first.open();
    const second = new ProjectionRunner(tally, databaseOf('standby'));
    const seen: number[] = [];
    let opened = false;
    const opening = second.open({ standby: (position) => void seen.push(position) }).finally(() => {
      opened = true;
    });
    // Either it stands by or, without the lock, it opens: whichever comes first.
    await eventually(() => opened || seen.length > 0, { what: 'it stands by' });
    await first.apply(await batchOf(log));
    await eventually(() => opened || seen.includes(1), { what: 'it is told what the first has written' });
    expect({ opened, before: seen[0] }).toEqual({ opened: false, before: 0 });
    await first.close();
    expect((await opening).position).toBe(1);
    await expect(first.apply(await batchOf(log))).rejects.toThrow('was not opened');
    await second.close();
  });

  it('lets many runners of a schema follow one log without ever getting in each other’s way', async () => {
    const log = new MemoryLog();
    const runners = Array.from({ length: 3 }, () => followForEver(tally, databaseOf('many'), log));
    for (let n = 0; n < 60; n += 1) await log.append(spoken.requested(n));
    await databaseOf('many').waitForPosition('tally', 60, { timeoutMs: 20_000 });
    await Promise.all(runners.map((runner) => runner.stop()));
    const conflicts = runners
      .flatMap(({ failures }) => failures)
      .filter((error) => isProblem(error, 'append-conflict'));
    expect(conflicts).toEqual([]);
  });

  it('keeps the lock when it is opened again, and does not let a standby in between', async () => {
    const log = await logWith(spoken.requested(1));
    const first = new ProjectionRunner(tally, databaseOf('reopened'));
    await first.open();
    const stop = new AbortController();
    let told = 0;
    const waiting = new ProjectionRunner(tally, databaseOf('reopened')).open({
      signal: stop.signal,
      standby: () => void (told += 1),
    });
    const ended = waiting.catch((error: unknown) => error);
    await eventually(() => told > 0, { what: 'another one stands by' });
    const until = told + 3;
    while (told < until) await first.open();
    await first.apply(await batchOf(log));
    stop.abort(new Error('the service drains'));
    expect(await ended).toMatchObject({ message: 'the service drains' });
    await first.close();
  });

  it('of a released row lets another one write', async () => {
    const log = await logWith(spoken.requested(1));
    const first = projectionRow(tally, databaseOf('released'), 'rebuild');
    await first.loadCheckpoint();
    const second = projectionRow(tally, databaseOf('released'), 'rebuild');
    const opening = second.loadCheckpoint();
    await first.release();
    expect((await opening).position).toBe(0);
    await second.onBatch(await batchOf(log));
    await second.release();
  });

  it('says rebuild when another version of the projection filled the tables', async () => {
    const database = databaseOf('version');
    await new ProjectionRunner(tally, database).open();
    const next: Projection = { ...(tally as Projection), version: 2 };
    const second = databaseOf('version');
    await database.close();
    await expect(new ProjectionRunner(next, second).open()).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
      message: expect.stringContaining('rebuild'),
    });
  });

  it('says rebuild when the log is not the one that was read', async () => {
    const database = databaseOf('restored');
    const log = await logWith(spoken.requested(1), spoken.cancelRequested(1));
    await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    log.restoreTo(1);
    const row = projectionRow(tally, databaseOf('restored'), 'rebuild');
    await database.close();
    await log.append(spoken.requested(2));
    const after = await row.loadCheckpoint();
    const following = log.follow({ after, signal: AbortSignal.timeout(5_000), onBatch: row.onBatch });
    await expect(following).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
      message: expect.stringContaining('rebuild'),
    });
  });
});

describe('waitForPosition', () => {
  it('is told of a commit in this process, and finds one of another process', async () => {
    const here = databaseOf('waiting');
    const elsewhere = databaseOf('waiting');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, here);
    await runner.open();
    const waiting = [here, elsewhere].map((database) => database.waitForPosition('tally', 1, { timeoutMs: 10_000 }));
    await runner.apply(await batchOf(log));
    await Promise.all(waiting);
    await runner.close();
  });

  it('asks the database, once the runner of this process has given up the lock: another one may have rebuilt', async () => {
    const database = databaseOf('handed_over');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database);
    await runner.open();
    await runner.apply(await batchOf(log));
    await runner.close();
    await database.query(`update ${database.table(CHECKPOINTS.name)} set "position" = 0, "event_id" = ''`);
    await expect(database.waitForPosition('tally', 1, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'position-not-reached',
    });
  });

  it('asks the database, too, once the runner finds tables of another version', async () => {
    const database = databaseOf('replaced');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database);
    await runner.open();
    await runner.apply(await batchOf(log));
    await database.query(`update ${database.table(CHECKPOINTS.name)} set "version" = 2, "position" = 0`);
    await expect(runner.open()).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
    expect(database.positions.reached('tally')).toBe(0);
  });

  it('gives up after its time, saying how far the read-model is', async () => {
    const database = databaseOf('waiting');
    await expect(database.waitForPosition('tally', 99, { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'position-not-reached',
    });
  });
});

describe('a schema', () => {
  it('is migrated once when several processes start at the same time', async () => {
    const processes = Array.from({ length: 4 }, () => databaseOf('together'));
    await Promise.all(processes.map((database) => database.ready()));
    expect(await processes[0]?.query('select name from "together"."schema_migrations" order by id')).toHaveLength(3);
  });

  it('frees its lock when the process that migrates is gone', async () => {
    const database = databaseOf('freed');
    await database.ready();
    await eventually(
      async () =>
        (await database.query(`select 1 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`))
          .length === 0,
      {
        what: 'no advisory lock is left on a pooled connection',
      },
    );
  });
});

function fail(): never {
  throw new Error('a fault of the projection');
}
