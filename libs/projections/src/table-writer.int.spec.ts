import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import fc from 'fast-check';
import type { Database } from './database.js';
import { runAll, TableWriter } from './table-writer.js';
import { storable } from './storable.js';
import { jobId, TALLIES, tallyDatabase } from './test-support/tally.js';

let server: TestDatabase;
let database: Database;
beforeAll(async () => {
  server = await createTestDatabase();
  database = tallyDatabase(server.url, 'writer');
});
afterAll(async () => {
  await database.close();
  await server[Symbol.asyncDispose]();
});

/** Texts that mean something in an array, in JSON or in SQL, and any others. */
const text = fc.oneof(
  fc.constantFrom('', 'NULL', 'null', '{}', '{"a"}', '"', '\\', '\\"', "'", ',', ' , ', '\n', '$1', '{NULL,"\\\\"}'),
  fc.string({ unit: 'binary' }).map((value) => storable(value)),
);
const row = fc.record({
  count: fc.maxSafeInteger(),
  last: text,
  share: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))),
  words: fc.array(text, { maxLength: 4 }),
  position: fc.nat(),
});

describe('TableWriter', () => {
  it('stores every value as it is, whatever its text means elsewhere, and finds and changes the rows by their keys', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 20 }), fc.array(row), async (before, after) => {
        const writer = new TableWriter('writer', TALLIES);
        const rows = before.map((values, index) => ({ id: jobId(index), ...values }));
        const later = after.slice(0, rows.length).map((values, index) => ({ id: jobId(index), ...values }));
        const keys = rows.map(({ id }) => ({ id }));
        const changes = { table: TALLIES, inserts: [], puts: [], removes: [], versions: [], closed: [] };
        await database.transaction(async (session) => {
          await runAll(session, writer.statements({ ...changes, inserts: rows }));
          expect(new Set(await writer.load(session, keys))).toEqual(new Set(rows));
          await runAll(session, writer.statements({ ...changes, puts: later }));
          expect(new Set(await writer.load(session, keys))).toEqual(new Set([...later, ...rows.slice(later.length)]));
          await runAll(session, writer.statements({ ...changes, removes: keys }));
          expect(await writer.load(session, keys)).toEqual([]);
        });
      }),
    );
  });
});
