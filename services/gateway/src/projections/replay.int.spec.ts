import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CATALOGUE } from '@anime/contracts';
import type { Checkpoint, EventLog } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import {
  CHECKPOINTS,
  createDatabase,
  hashTables,
  projectionRow,
  rebuild,
  SNAPSHOTS,
  type Database,
  type Projection,
} from '@anime/projections';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import fc from 'fast-check';
import { GATEWAY_MIGRATIONS } from '../migrations/index.js';
import { PROJECTIONS, READ_MODEL_TABLES } from './index.js';
import { STORIES, type StoryName } from './jobs/testing/sample-events.js';
import { contractsIn, fillLog, type LogStep } from './jobs/testing/sample-log.js';

const storyNames = Object.keys(STORIES) as StoryName[];
const job = fc.nat(11);
const step: fc.Arbitrary<LogStep> = fc.oneof(
  { weight: 8, arbitrary: job.map((n): LogStep => ({ kind: 'next', job: n })) },
  { weight: 1, arbitrary: job.map((n): LogStep => ({ kind: 'repeat', job: n })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('no-envelope' as const, 'bad-data' as const, 'wrong-producer' as const, 'unknown' as const)
      .map((what): LogStep => ({ kind: 'garbage', what })),
  },
);
const everyGarbage: LogStep[] = (['no-envelope', 'bad-data', 'wrong-producer', 'unknown'] as const).map((what) => ({
  kind: 'garbage',
  what,
}));

/** Reads the log to its end in batches of these sizes, over and over. */
async function readInBatches(
  projection: Projection,
  log: EventLog,
  database: Database,
  sizes: readonly number[],
): Promise<Checkpoint> {
  const row = projectionRow(projection, database, 'rebuild');
  let at = await row.loadCheckpoint();
  const end = await log.end();
  for (let n = 0; at.position < end; n += 1) {
    const stop = new AbortController();
    await log.follow({
      after: at,
      signal: stop.signal,
      maxBatch: sizes[n % sizes.length] ?? 1,
      onBatch: async (batch) => {
        await row.onBatch(batch);
        at = batch.checkpoint;
        stop.abort();
      },
    });
  }
  return at;
}

describe.each<Projection>([...PROJECTIONS])('the read-model $name', (projection) => {
  let server: TestDatabase;
  const open: Database[] = [];
  let schemas = 0;

  beforeAll(async () => {
    server = await createTestDatabase();
  });
  afterAll(async () => {
    for (const database of open) await database.close();
    await server[Symbol.asyncDispose]();
  });

  function emptyDatabase(): Database {
    const database = createDatabase({
      url: server.url,
      schema: `gateway_${(schemas += 1)}`,
      migrations: GATEWAY_MIGRATIONS,
      tables: [...READ_MODEL_TABLES, CHECKPOINTS, SNAPSHOTS],
    });
    open.push(database);
    return database;
  }

  async function hashOf(database: Database): Promise<string> {
    const session = await database.session();
    try {
      return await hashTables(session, database.schema, projection.tables);
    } finally {
      session.release({ reuse: true });
    }
  }

  it('has the tables, columns and indexes that its entities name', async () => {
    const database = emptyDatabase();
    await database.ready();
    const difference = await database.orm.schema.getUpdateSchemaSQL({ wrap: false });
    // The index for searching prompts is optional, so no entity names it; nor do they name the migrator's own table.
    const statements = difference
      .split(';')
      .map((line) => line.trim())
      .filter((line) => line !== '' && !/job_requests_prompt_idx|schema_migrations/.test(line));
    expect(statements).toEqual([]);
  });

  it('is equal, row by row and version by version, whatever the batches were and however often it is rebuilt', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 120 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }),
        fc.shuffledSubarray([...storyNames, ...storyNames, ...storyNames], { minLength: 8 }),
        async (steps, sizes, stories) => {
          const log = new MemoryLog();
          await fillLog(log, [...storyNames, ...stories], [...everyGarbage, ...steps]);
          expect([...(await contractsIn(log))].sort()).toEqual([...CATALOGUE.byName.keys()].sort());

          const inBatches = emptyDatabase();
          const checkpoint = await readInBatches(projection, log, inBatches, sizes);
          const atOnce = emptyDatabase();
          await readInBatches(projection, log, atOnce, [1_000]);
          const live = await hashOf(inBatches);
          expect(await hashOf(atOnce)).toBe(live);

          const rebuilt = await rebuild(projection, log, inBatches, { checkParity: true, maxBatch: sizes[0] ?? 1 });
          expect(rebuilt).toEqual({ checkpoint, hash: live });
          expect(await hashOf(inBatches)).toBe(live);
          await Promise.all([inBatches.close(), atOnce.close()]);
        },
      ),
      { numRuns: 6 },
    );
  }, 120_000);
});
