import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { createTestDatabase } from './test-database.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('createTestDatabase', () => {
  it('makes databases that do not see each other and drops them', async () => {
    await using one = await createTestDatabase();
    const two = await createTestDatabase();
    await query(one.url, 'CREATE TABLE take ()');
    expect(await query(two.url, "SELECT to_regclass('take') AS found")).toEqual([{ found: null }]);
    await two[Symbol.asyncDispose]();
    await expect(query(two.url, 'SELECT 1')).rejects.toThrow(/does not exist/);
  });

  it('prepares a template once, also for databases made at the same time', async () => {
    let prepared = 0;
    const template = {
      key: `own-spec-${process.pid}`,
      prepare: async (url: string): Promise<void> => {
        prepared += 1;
        await query(url, 'CREATE TABLE take AS SELECT 7 AS number');
      },
    };
    const databases = await Promise.all([1, 2, 3].map(() => createTestDatabase(template)));
    for (const database of databases) {
      expect(await query(database.url, 'SELECT number FROM take')).toEqual([{ number: 7 }]);
      await database[Symbol.asyncDispose]();
    }
    expect(prepared).toBe(1);
  });

  it('prepares anew after a preparation that failed', async () => {
    const key = `failing-${process.pid}`;
    await expect(createTestDatabase({ key, prepare: () => Promise.reject(new Error('no')) })).rejects.toThrow('no');
    await using database = await createTestDatabase({
      key,
      prepare: async (url) => void (await query(url, 'CREATE TABLE a ()')),
    });
    expect(await query(database.url, "SELECT to_regclass('a')::text AS found")).toEqual([{ found: 'a' }]);
  });
});
