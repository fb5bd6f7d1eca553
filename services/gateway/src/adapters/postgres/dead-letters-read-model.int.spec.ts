import { VoidMessage } from '@anime/contracts/http';
import { deriveId } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import {
  CHECKPOINTS,
  createDatabase,
  projectionRow,
  rebuild,
  SNAPSHOTS,
  type Database,
  type Projection,
} from '@anime/projections';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { GATEWAY_MIGRATIONS } from '../../migrations/index.js';
import { deadLettersProjection } from '../../projections/dead-letters/dead-letters.projection.js';
import { letterEvents } from '../../projections/dead-letters/testing/sample-letters.js';
import { jobsProjection } from '../../projections/jobs/jobs.projection.js';
import { jobEvents, STORIES } from '../../projections/jobs/testing/sample-events.js';
import { sampleJobId } from '../../projections/jobs/testing/sample-log.js';
import { encodeCursor, TimeCursor } from './cursor.js';
import { DeadLettersReadModel, type DeadLetterFilter } from './dead-letters-read-model.js';
import { ExecutorsReadModel } from './executors-read-model.js';
import { gatewayDatabase, GATEWAY_SCHEMA } from './gateway-database.js';
import { JobsReadModel } from './jobs-read-model.js';

const LETTERS = 23;
const EVENT = '00000000-0000-5000-8000-000000000000';
const letter = (n: number) =>
  letterEvents(deriveId(EVENT, String(n)), n % 3 === 0 ? 'file-organizer' : 'quality-scorer');

async function catchUp(log: MemoryLog, database: Database, projection: Projection): Promise<void> {
  const row = projectionRow(projection, database, 'rebuild');
  await using _released = { [Symbol.asyncDispose]: () => row.release() };
  const stop = new AbortController();
  await log.follow({
    after: await row.loadCheckpoint(),
    signal: stop.signal,
    onBatch: async (batch) => {
      await row.onBatch(batch);
      if (batch.caughtUp) stop.abort();
    },
  });
}

let server: TestDatabase;
beforeAll(async () => {
  server = await createTestDatabase();
}, 60_000);
afterAll(async () => server[Symbol.asyncDispose]());

describe('DeadLettersReadModel', () => {
  const log = new MemoryLog();
  let database: Database;
  let reads: DeadLettersReadModel;

  beforeAll(async () => {
    database = gatewayDatabase(server.url);
    reads = new DeadLettersReadModel(database);
    for (let n = 0; n < LETTERS; n += 1) await log.append(letter(n).parked);
    // 0 and 3 are replayed, 3 is settled; 1 is discarded; 4 failed again.
    for (const event of [
      letter(0).replayed(1),
      letter(3).replayed(1),
      letter(3).settled(1),
      letter(1).discarded,
      letter(4).replayed(1),
      { ...letter(4).parkedAgain(2), causationId: letter(4).replayed(1).id },
    ])
      await log.append(event);
    for (let n = 0; n < 5; n += 1) await log.putRaw({ subject: `${log.root}.job.x.gateway`, data: 'x'.repeat(n) });
    await catchUp(log, database, deadLettersProjection);
  });
  afterAll(() => database.close());

  async function pages(filter: DeadLetterFilter): Promise<string[]> {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await reads.list({ ...filter, cursor });
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return ids;
  }

  it('pages through all dead letters, newest first, without gap or repeat, whatever the size of a page', async () => {
    const all = Array.from({ length: LETTERS }, (_, n) => letter(LETTERS - 1 - n).id);
    for (const limit of [1, 5, LETTERS, 200]) expect(await pages({ limit })).toEqual(all);
  });

  it('filters by state, consumer and job, together', async () => {
    expect(await pages({ state: ['replayed'] })).toEqual([letter(0).id]);
    expect(await pages({ state: ['settled', 'discarded'] })).toEqual([letter(3).id, letter(1).id]);
    expect(await pages({ state: ['settled', 'discarded'], consumer: 'file-organizer' })).toEqual([letter(3).id]);
    expect(await pages({ aggregateId: letter(7).givenUp.aggregateId })).toEqual([letter(7).id]);
    expect(await pages({ consumer: "nobody' or 1=1" })).toEqual([]);
    expect((await reads.list({ state: ['open'], limit: 200 })).items).toHaveLength(LETTERS - 3);
  });

  it('lists messages without effect by position, with reason and size', async () => {
    const { items, nextCursor } = await reads.voids({ limit: 2 });
    const end = await log.end();
    expect(items).toMatchObject([
      { position: end, kind: 'void', subject: 'anime.job.x.gateway', reason: 'ce-specversion is missing', size: 4 },
      { position: end - 1, size: 3 },
    ]);
    for (const item of items) expect(VoidMessage.safeParse(item).error).toBeUndefined();
    const rest = await reads.voids({ cursor: nextCursor ?? undefined, kind: 'void' });
    expect(rest).toMatchObject({ items: [{ size: 2 }, { size: 1 }, { size: 0 }], nextCursor: null });
    expect((await reads.voids({ kind: 'fenced' })).items).toEqual([]);
  });

  it('counts what somebody still has to look at', async () => {
    const { voids, deadLetters } = await reads.unsettled(3);
    expect(voids).toMatchObject({ void: 5, fenced: 0, recent: [{ size: 4 }, {}, {}] });
    expect(deadLetters.count).toBe(LETTERS - 2);
    expect(deadLetters.recent.map(({ id }) => id)).toEqual([22, 21, 20].map((n) => letter(n).id));
  });

  it.each(['', 'x', encodeCursor(TimeCursor, { at: '2026-01-01T00:00:00.000Z', id: EVENT })])(
    'refuses a cursor that it did not make: %s',
    async (cursor) => {
      await expect(reads.list({ cursor })).rejects.toMatchObject({ code: 'bad-cursor', status: 400 });
      await expect(reads.voids({ cursor })).rejects.toMatchObject({ code: 'bad-cursor', status: 400 });
    },
  );

  it('says how far it has read', async () => {
    await reads.waitFor(await log.end(), { timeoutMs: 0 });
    await expect(reads.waitFor((await log.end()) + 1, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'position-not-reached',
    });
  });
});

describe('a database of an older build, which kept dead letters among the jobs', () => {
  it('gets the tables of this one: jobs once they are rebuilt, dead letters as they are read from the log', async () => {
    const log = new MemoryLog();
    const [finished, open] = [sampleJobId(1), sampleJobId(2)];
    for (const event of STORIES.completed(finished)) await log.append(event);
    await log.append(letter(1).parked);
    await log.putRaw({ subject: `${log.root}.job.x.gateway`, data: 'rubbish' });

    await using fresh = await createTestDatabase();
    const before = createDatabase({
      url: fresh.url,
      schema: GATEWAY_SCHEMA,
      migrations: GATEWAY_MIGRATIONS.slice(0, 3),
      tables: [CHECKPOINTS, SNAPSHOTS],
    });
    await before.ready();
    // As that build left them, by hand: this one can no longer write them.
    await before.query(
      `insert into gateway.dead_letters (id, consumer, event_id, event_name, aggregate_id, error_code, error_message, deliveries, parked_by, parked_at)
        values ($1, 'quality-scorer', $1, 'job.executed.v1', $1, 'internal', 'x', 5, 'quality-scorer', '2026-01-01T00:00:00.000Z') returning 1`,
      [letter(1).id],
    );
    for (const table of ['jobs', 'jobs_versions']) {
      const [names, values] = table === 'jobs' ? ['position', '2'] : ['from_position, to_position', '1, 2'];
      await before.query(
        `insert into gateway.${table} (id, type, status, template_id, template_version, seed, actor, requested_at, attempt, cancel_requested, ${names})
          values ($1, 'image', 'queued', 'text-to-image', 1, 5, 'somebody', '2026-01-01T00:00:00.000Z', 0, false, ${values}) returning 1`,
        [finished],
      );
    }
    await before.query(
      `insert into gateway.executors (id, name, comfyui_version, simulator, devices, registered_at)
        values ($1, 'older', '0.32.0', false, '[]', '2026-01-01T00:00:00.000Z') returning 1`,
      [finished],
    );
    await before.query(
      `insert into gateway.projection_checkpoints (projection, version, position, event_id) values ($1, 2, 2, '') returning 1`,
      [jobsProjection.name],
    );
    await before.close();

    await log.append(jobEvents(open).requested);
    const database = gatewayDatabase(fresh.url);
    try {
      await expect(catchUp(log, database, jobsProjection)).rejects.toMatchObject({ code: 'checkpoint-mismatch' });
      await rebuild(jobsProjection, log, database);
      await catchUp(log, database, deadLettersProjection);
      const jobs = new JobsReadModel(database);
      expect(await jobs.get(finished)).toMatchObject({ status: 'completed' });
      expect(await jobs.get(open)).toMatchObject({ status: 'requested' });
      expect(await new ExecutorsReadModel(database).list()).toEqual([]);
      const reads = new DeadLettersReadModel(database);
      expect((await reads.list()).items).toMatchObject([
        { id: letter(1).id, state: 'open', error_code: 'blob-not-found' },
      ]);
      expect((await reads.voids()).items).toMatchObject([{ size: 7 }]);
    } finally {
      await database.close();
    }
  }, 60_000);
});
