import { describe, expect, it } from '@jest/globals';
import { freePort, startPostgres } from '@anime/embedded-servers';
import { MemoryLog } from '@anime/event-store/memory';
import { hashTables } from './hash-tables.js';
import { projectionRow } from './projection-row.js';
import { PostgresSnapshotStore } from './snapshot-store.js';
import { followForEver, readToEnd } from './test-support/follow-log.js';
import { jobId, spoken, tally, tallyDatabase } from './test-support/tally.js';
import { eventually } from '@anime/testing';

/** A killed server's connections may still answer for a moment; then everything must fail in this one way. */
async function unavailable(use: () => Promise<unknown>): Promise<void> {
  const error = await eventually(
    () =>
      use().then(
        () => undefined,
        (failure: unknown) => failure,
      ),
    { what: 'PostgreSQL is away' },
  );
  expect(error).toMatchObject({ code: 'read-model-unavailable' });
}

describe('a database', () => {
  it('can be declared while PostgreSQL is away, says so, and is usable once it is there', async () => {
    const port = await freePort();
    const away = tallyDatabase(`postgres://postgres:secret@127.0.0.1:${port}/postgres`, 'gateway');
    await expect(away.query('select 1')).rejects.toMatchObject({ code: 'read-model-unavailable', retryAfter: 2 });
    expect(await away.check()).toMatchObject({ ok: false, reason: expect.stringContaining('ECONNREFUSED') });
    expect((await away.check()).reason).not.toContain('secret');
    await away.close();

    await using server = await startPostgres({ durable: false });
    const database = tallyDatabase(server.url(), 'gateway');
    await server.kill();
    await expect(database.ready()).rejects.toMatchObject({ code: 'read-model-unavailable' });
    await server.restart();
    expect(await database.check()).toEqual({ ok: true, reason: null });
    expect(await database.positionOf('tally')).toBe(0);
    await database.close();
    await expect(database.query('select 1')).rejects.toMatchObject({ code: 'read-model-unavailable' });
  }, 60_000);

  it('loses and doubles nothing when PostgreSQL is killed in the middle of the stream', async () => {
    await using server = await startPostgres();
    const database = tallyDatabase(server.url(), 'gateway');
    const log = new MemoryLog();
    const live = followForEver(tally, database, log, 5);
    for (let round = 0; round < 3; round += 1) {
      for (let n = 0; n < 60; n += 1) {
        await log.append(spoken.requested(round * 60 + n));
        await log.append(spoken.cancelRequested(n));
        if (n === 30) await server.kill();
      }
      await eventually(() => live.failures.length > round, { what: 'the projection notices that PostgreSQL is gone' });
      await unavailable(() => database.query('select 1'));
      await server.restart();
      await eventually(async () => (await database.positionOf('tally')) === (await log.end()), {
        what: 'the projection has caught up',
      });
    }
    await live.stop();
    const twin = tallyDatabase(server.url(), 'twin');
    await readToEnd(projectionRow(tally, twin, 'rebuild'), log);
    const session = await database.session();
    expect(await hashTables(session, 'gateway', tally.tables)).toBe(await hashTables(session, 'twin', tally.tables));
    session.release();
    await Promise.all([database.close(), twin.close()]);
  }, 120_000);

  it('reads again what a killed PostgreSQL had not yet on disk, also when no event comes after it', async () => {
    await using server = await startPostgres();
    const database = tallyDatabase(server.url(), 'gateway');
    // What is committed without waiting for the disk stays in memory for this long.
    await database.query(`alter system set wal_writer_delay = '10s'`);
    await server.restart();
    const log = new MemoryLog();
    const live = followForEver(tally, database, log);
    await eventually(async () => (await database.check()).ok, { what: 'PostgreSQL is back' });
    await log.append(spoken.requested(1));
    await database.waitForPosition('tally', 1, { timeoutMs: 20_000 });
    await server.kill();
    await server.restart();
    await eventually(() => database.waitForPosition('tally', 1, { timeoutMs: 50 }).then(() => true), {
      what: 'the projection has caught up',
    });
    const rows = await database.query(`select "id" from ${database.table('tallies')}`);
    expect([rows, await database.positionOf('tally')]).toEqual([[{ id: jobId(1) }], 1]);
    expect(live.failures).not.toEqual([]);
    await live.stop();
    await database.close();
  }, 60_000);
});

describe('PostgresSnapshotStore', () => {
  it('gives back what was saved last, and says when PostgreSQL is away', async () => {
    await using server = await startPostgres({ durable: false });
    const database = tallyDatabase(server.url(), 'gateway');
    const store = new PostgresSnapshotStore(database);
    const id = jobId(1);
    expect(await store.load('job', id)).toBeUndefined();
    const snapshot = {
      id,
      position: 7,
      eventId: jobId(2),
      foldVersion: 1,
      state: { status: 'odd \u0000 \uD800', list: [0.1] },
    };
    await store.save('job', snapshot);
    await store.save('job', { ...snapshot, position: 3, state: 'older' });
    expect(await store.load('job', id)).toEqual(snapshot);
    await store.save('job', { ...snapshot, position: 3, foldVersion: 2, state: 'folded anew' });
    expect(await store.load('job', id)).toMatchObject({ position: 3, foldVersion: 2, state: 'folded anew' });
    await server.kill();
    await unavailable(() => store.load('job', id));
    await unavailable(() => store.save('job', snapshot));
    await database.close();
  }, 60_000);
});
