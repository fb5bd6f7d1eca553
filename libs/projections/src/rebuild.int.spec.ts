import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { JobRejectedV1 } from '@anime/contracts';
import { MemoryLog } from '@anime/event-store/memory';
import { newerEvent } from '@anime/event-store/testing';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import type { Database } from './database.js';
import { hashTables } from './hash-tables.js';
import { projectionRow } from './projection-row.js';
import { rebuild, type RebuildProgress } from './rebuild.js';
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

function databaseOf(schema: string): Database {
  const database = tallyDatabase(server.url, schema);
  open.push(database);
  return database;
}

async function talk(log: MemoryLog, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    await log.append(spoken.requested(n % 20, `prompt ${n}`));
    await log.append(n % 7 === 3 ? spoken.rejected(n % 20) : spoken.cancelRequested(n % 20));
  }
}

async function hashOf(database: Database): Promise<string> {
  const session = await database.session();
  try {
    return await hashTables(session, database.schema, tally.tables);
  } finally {
    session.release();
  }
}

const indexNames = (database: Database): Promise<object[]> =>
  database.query('select tablename, indexname, indexdef from pg_indexes where schemaname = $1 order by 1, 2', [
    database.schema,
  ]);

/** What rebuilds of this schema have left behind. */
const copiesOf = (database: Database): Promise<object[]> =>
  database.query('select nspname from pg_namespace where starts_with(nspname, $1)', [`${database.schema}__rebuild`]);

/** Tells that somebody asked for its end, and answers when it is told to. */
class HeldLog extends MemoryLog {
  readonly asked = Promise.withResolvers<void>();
  readonly held = Promise.withResolvers<void>();

  override async end(): Promise<number> {
    this.asked.resolve();
    await this.held.promise;
    return super.end();
  }
}

describe('rebuild', () => {
  it('puts equal tables, with the same indexes, in the place of the old ones', async () => {
    const database = databaseOf('equal');
    const log = new MemoryLog();
    await talk(log, 0, 60);
    const checkpoint = await readToEnd(projectionRow(tally, database, 'rebuild'), log, 13);
    const before = { hash: await hashOf(database), indexes: await indexNames(database) };
    const progress: RebuildProgress[] = [];
    const result = await rebuild(tally, log, database, {
      checkParity: true,
      maxBatch: 50,
      onProgress: (at) => progress.push(at),
    });
    expect(result).toEqual({ checkpoint, hash: before.hash });
    expect({ hash: await hashOf(database), indexes: await indexNames(database) }).toEqual(before);
    expect(progress.map(({ position }) => position)).toEqual([50, 100, 120]);
    expect(progress.every(({ end }) => end === 120)).toBe(true);
    expect(await copiesOf(database)).toEqual([]);
  });

  it('stops at an event of a newer version, as the live projection does, and leaves the tables as they were', async () => {
    const database = databaseOf('newer');
    const log = new MemoryLog();
    await talk(log, 0, 10);
    const checkpoint = await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    const before = await hashOf(database);
    await log.append(newerEvent(JobRejectedV1, jobId(1)));
    await talk(log, 10, 20);
    const position = checkpoint.position + 1;
    await expect(rebuild(tally, log, database)).rejects.toMatchObject({
      code: 'newer-contract',
      message: expect.stringContaining(`position ${position} holds job.rejected.v99`),
    });
    expect([await hashOf(database), await database.positionOf('tally')]).toEqual([before, checkpoint.position]);
    expect(await copiesOf(database)).toEqual([]);
    // Up to where the live tables are it can still be compared.
    expect(await rebuild(tally, log, database, { checkParity: true })).toEqual({ checkpoint, hash: before });
  });

  it('goes over garbage with any id, live and anew, also as the last message of a batch', async () => {
    const database = databaseOf('garbage');
    const log = new MemoryLog();
    await talk(log, 0, 5);
    for (const id of ['a\0b', '\ud800', 'x'.repeat(70_000), ' '])
      await log.putRaw({ subject: `${log.root}.job.${jobId(1)}.gateway`, headers: { 'ce-id': id }, data: 'garbage' });
    const row = projectionRow(tally, database, 'rebuild');
    const checkpoint = await readToEnd(row, log, 1);
    await row.release();
    expect(checkpoint.position).toBe(await log.end());
    const live = await hashOf(database);
    expect(await rebuild(tally, log, database, { checkParity: true, maxBatch: 1 })).toEqual({ checkpoint, hash: live });
    expect((await rebuild(tally, log, database, { maxBatch: 1 })).checkpoint).toEqual(checkpoint);
    expect(await readToEnd(projectionRow(tally, databaseOf('garbage'), 'rebuild'), log)).toEqual(checkpoint);
  });

  it('repairs tables that were tampered with, and with parity asked for refuses to hide it', async () => {
    const database = databaseOf('repaired');
    const log = new MemoryLog();
    await talk(log, 0, 10);
    await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    const sound = await hashOf(database);
    await database.query(`update ${database.table('tallies')} set "share" = 0.75 where "id" = $1`, [jobId(1)]);
    await expect(rebuild(tally, log, database, { checkParity: true })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    });
    expect(await hashOf(database)).not.toBe(sound);
    await rebuild(tally, log, database);
    expect(await hashOf(database)).toBe(sound);
  });

  it('switches in one step while events are appended, the live projection writes and readers read', async () => {
    const database = databaseOf('live');
    const log = new MemoryLog();
    await talk(log, 0, 200);
    const live = followForEver(tally, databaseOf('live'), log);
    await database.waitForPosition('tally', 400, { timeoutMs: 20_000 });

    const stop = new AbortController();
    const writing = (async () => {
      for (let n = 200; !stop.signal.aborted; n += 1) {
        await talk(log, n, n + 1);
        // As fast as the live projection can follow, no faster.
        await database.waitForPosition('tally', (await log.end()) - 50, { timeoutMs: 20_000 });
      }
    })();
    let least = Number.POSITIVE_INFINITY;
    const reading = (async () => {
      while (!stop.signal.aborted) {
        const [row] = await database.query<{ readonly lines: number }>(
          `select count(*)::int as lines from ${database.table('lines')}`,
        );
        least = Math.min(least, row?.lines ?? 0);
      }
    })();
    const rebuilder = databaseOf('live');
    const withParity = await rebuild(tally, log, rebuilder, { checkParity: true, maxBatch: 100 });
    await database.waitForPosition('tally', withParity.checkpoint.position + 50, { timeoutMs: 20_000 });
    const withoutParity = await rebuild(tally, log, rebuilder, { maxBatch: 100 });
    await database.waitForPosition('tally', withoutParity.checkpoint.position + 50, { timeoutMs: 20_000 });
    stop.abort();
    await Promise.all([writing, reading]);

    expect(withParity.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(withoutParity.checkpoint.position).toBeGreaterThan(withParity.checkpoint.position);
    expect(least).toBeGreaterThanOrEqual(400);
    await database.waitForPosition('tally', await log.end(), { timeoutMs: 20_000 });
    await live.stop();
    const again = databaseOf('live_again');
    await readToEnd(projectionRow(tally, again, 'rebuild'), log);
    expect(await hashOf(database)).toBe(await hashOf(again));
    expect(live.failures.every((error) => (error as { readonly code?: unknown }).code === 'append-conflict')).toBe(
      true,
    );
  }, 60_000);

  it('fills the tables of a new version of the projection', async () => {
    const database = databaseOf('upgraded');
    const log = new MemoryLog();
    await talk(log, 0, 5);
    const old = projectionRow(tally, databaseOf('upgraded'), 'rebuild');
    await readToEnd(old, log);
    for (const other of open.filter(
      ({ schema, closed }) => schema === 'upgraded' && !closed.aborted && schema !== database.schema,
    ))
      await other.close();
    const next = { ...tally, version: 2 };
    await expect(rebuild(next, log, database, { checkParity: true })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
    });
    await rebuild(next, log, database);
    expect(await database.query(`select "version"::int from ${database.table('projection_checkpoints')}`)).toEqual([
      { version: 2 },
    ]);
  });

  it('leaves everything as it was when it is stopped', async () => {
    const database = databaseOf('stopped');
    const log = new MemoryLog();
    await talk(log, 0, 50);
    await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    const before = await hashOf(database);
    const stop = new AbortController();
    const first = rebuild(tally, log, database, {
      maxBatch: 10,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('stopped on purpose')),
    });
    await expect(first).rejects.toThrow('stopped on purpose');
    expect(await hashOf(database)).toBe(before);
    expect(await copiesOf(database)).toEqual([]);
  });

  it('runs once at a time', async () => {
    const database = databaseOf('once');
    const log = new HeldLog();
    await talk(log, 0, 5);
    const first = rebuild(tally, log, database);
    await log.asked.promise;
    const second = rebuild(tally, new MemoryLog(), databaseOf('once'));
    await expect(second).rejects.toMatchObject({
      code: 'append-conflict',
      message: expect.stringContaining('under way'),
    });
    log.held.resolve();
    expect((await first).checkpoint.position).toBe(10);
    expect((await rebuild(tally, log, database)).checkpoint.position).toBe(10);
  });

  it('mends tables that are ahead of the log, and with parity asked for says that there is nothing to compare', async () => {
    const database = databaseOf('ahead');
    const log = new MemoryLog();
    await talk(log, 0, 5);
    await readToEnd(projectionRow(tally, database, 'rebuild'), log);
    log.restoreTo(4);
    await expect(rebuild(tally, log, database, { checkParity: true })).rejects.toMatchObject({
      code: 'checkpoint-mismatch',
      message: expect.stringContaining('ahead of the log'),
    });
    expect([await database.positionOf('tally'), await copiesOf(database)]).toEqual([10, []]);
    expect((await rebuild(tally, log, database)).checkpoint.position).toBe(4);
    const twin = databaseOf('ahead_twin');
    await readToEnd(projectionRow(tally, twin, 'rebuild'), log);
    expect(await hashOf(database)).toBe(await hashOf(twin));
  });
});
