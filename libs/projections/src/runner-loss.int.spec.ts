import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import type { Database } from './database.js';
import { CHECKPOINTS } from './library-tables.js';
import { ProjectionRunner } from './projection-runner.js';
import { batchOf, logWith, rowsOf } from './test-support/batches.js';
import { startDarkProxy } from './test-support/dark-proxy.js';
import { LINES, spoken, tally, tallyDatabase } from './test-support/tally.js';

/** After so long a silent runner is replaced: short, and yet longer than a busy machine holds up a process. */
const TAKEOVER_MS = 1_500;

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
function databaseOf(schema: string, url = server.url): Database {
  const database = tallyDatabase(url, schema);
  open.push(database);
  return database;
}

/** As an administrator would, or a server that shuts down: the client is told. */
const terminateLockHolder = (database: Database): Promise<object[]> =>
  database.query(
    `select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and d.datname = current_database()
        and l.pid in (select pid from pg_stat_activity where application_name = 'anime-' || $1)`,
    [database.schema],
  );

describe('a runner that holds the lock', () => {
  it('stops when its connection, and with it the lock, is lost', async () => {
    const database = databaseOf('lost');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database);
    await runner.open();
    await terminateLockHolder(database);
    await expect(runner.apply(await batchOf(log))).rejects.toMatchObject({ code: 'read-model-unavailable' });
    expect((await runner.open()).position).toBe(0);
    await runner.apply(await batchOf(log));
    expect(await database.positionOf('tally')).toBe(1);
  });

  it('tells at once that its connection is lost, and no more how far it had read', async () => {
    const database = databaseOf('idle');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database);
    const lost = Promise.withResolvers<unknown>();
    await runner.open({ lost: lost.resolve });
    await runner.apply(await batchOf(log));
    await terminateLockHolder(database);
    expect(await lost.promise).toMatchObject({ code: 'read-model-unavailable' });
    expect(database.positions.reached('tally')).toBe(0);
    expect((await runner.open()).position).toBe(1);
    expect(database.positions.reached('tally')).toBe(1);
    await runner.close();
  });

  it('keeps its lock as long as it lives, however long nothing happens', async () => {
    const database = databaseOf('quiet');
    let lost = false;
    const runner = new ProjectionRunner(tally, database, TAKEOVER_MS);
    await runner.open({ lost: () => void (lost = true) });
    let told = 0;
    const stop = new AbortController();
    const waiting = new ProjectionRunner(tally, databaseOf('quiet')).open({
      signal: stop.signal,
      // Every 300 ms: longer than the server would wait for a silent runner.
      standby: () => void ((told += 1) >= 8 && stop.abort(new Error('waited long enough'))),
    });
    await expect(waiting).rejects.toThrow('waited long enough');
    expect(lost).toBe(false);
    await runner.close();
  });

  it('is replaced when it hangs or is cut off without a word, and then writes nothing any more', async () => {
    await using proxy = await startDarkProxy(server.url);
    const log = await logWith(spoken.requested(1));
    const lost: unknown[] = [];
    const first = new ProjectionRunner(tally, databaseOf('dark', proxy.url), TAKEOVER_MS);
    await first.open({ lost: (reason) => lost.push(reason) });
    await first.apply(await batchOf(log));
    await log.append(spoken.cancelRequested(1));
    proxy.dark();
    const second = new ProjectionRunner(tally, databaseOf('dark'));
    expect((await second.open()).position).toBe(1);
    await second.apply(await batchOf(log));
    const database = databaseOf('dark');
    const rows = [await rowsOf(database, 'tallies'), await rowsOf(database, 'lines')];
    await log.append(spoken.rejected(1));
    await expect(first.apply(await batchOf(log))).rejects.toMatchObject({ code: 'read-model-unavailable' });
    expect(lost).toMatchObject([{ code: 'read-model-unavailable' }]);
    proxy.light();
    const stop = new AbortController();
    const again = first.open({ signal: stop.signal, standby: () => stop.abort(new Error('it stands by')) });
    await expect(again).rejects.toThrow('it stands by');
    expect([await rowsOf(database, 'tallies'), await rowsOf(database, 'lines')]).toEqual(rows);
    expect(await database.positionOf('tally')).toBe(2);
    await second.close();
  }, 30_000);

  it('is replaced in the middle of a batch, too, and nothing of that batch is left', async () => {
    await using proxy = await startDarkProxy(server.url);
    const log = await logWith(spoken.requested(1));
    const hanging: typeof tally = { ...tally, apply: (rows, event) => (proxy.dark(), tally.apply(rows, event)) };
    const first = new ProjectionRunner(hanging, databaseOf('dark_batch', proxy.url), TAKEOVER_MS);
    await first.open();
    const writing = first.apply(await batchOf(log)).catch((error: unknown) => error);
    const second = new ProjectionRunner(tally, databaseOf('dark_batch'));
    expect((await second.open()).position).toBe(0);
    proxy.light();
    expect(await writing).toMatchObject({ code: 'read-model-unavailable' });
    await second.apply(await batchOf(log));
    const database = databaseOf('dark_batch');
    expect([await rowsOf(database, 'lines'), await database.positionOf('tally')]).toEqual([[expect.anything()], 1]);
    await second.close();
  }, 30_000);

  it('is patient with a server that needs longer for a batch than it may be silent', async () => {
    const database = databaseOf('slow');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database, TAKEOVER_MS);
    let lost = false;
    await runner.open({ lost: () => void (lost = true) });
    await database.query(
      `create function ${database.table('slowly')}() returns trigger language plpgsql as
        $$ begin perform pg_sleep(${(2 * TAKEOVER_MS) / 1000}); return null; end $$`,
    );
    await database.query(
      `create trigger slow after insert on ${database.table(LINES.name)} for each statement execute function ${database.table('slowly')}()`,
    );
    await runner.apply(await batchOf(log));
    expect([lost, await database.positionOf('tally')]).toEqual([false, 1]);
    await runner.close();
  }, 90_000);

  it('waits for whoever holds its checkpoint, also longer than it may be silent', async () => {
    const database = databaseOf('held');
    const log = await logWith(spoken.requested(1));
    const runner = new ProjectionRunner(tally, database, TAKEOVER_MS);
    let lost = false;
    await runner.open({ lost: () => void (lost = true) });
    const writing = database.transaction(async (holder) => {
      await holder.query(`select 1 from ${database.table(CHECKPOINTS.name)} for update`);
      const batch = runner.apply(await batchOf(log));
      await holder.query('select pg_sleep(2)');
      return { batch };
    });
    await (
      await writing
    ).batch;
    expect([lost, await database.positionOf('tally')]).toEqual([false, 1]);
    await runner.close();
  });
});
