import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { startPostgres } from './postgres-server.js';

const scratch = mkdtempSync(path.join(tmpdir(), 'anime postgres ')); // with blanks, as a checkout may have
chmodSync(scratch, 0o755);
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe('startPostgres', () => {
  it('keeps committed rows over kill -9 and restart on the same port', async () => {
    await using server = await startPostgres({ dataDir: path.join(scratch, 'restart') });
    await server.createDatabase('studio');
    await query(server.url('studio'), 'CREATE TABLE take AS SELECT 7 AS number');
    const { port, pid } = server;
    await server.kill();
    await expect(query(server.url('studio'), 'SELECT 1')).rejects.toThrow();
    await server.restart();
    expect([server.port, server.pid === pid]).toEqual([port, false]);
    expect(await query(server.url('studio'), 'SELECT number FROM take')).toEqual([{ number: 7 }]);
  });

  it('is found again by a later launcher with the same password, whatever stands in postmaster.pid', async () => {
    const dataDir = path.join(scratch, 'again');
    const first = await startPostgres({ dataDir, durable: false });
    await first.createDatabase('studio');
    await first.kill();
    // The worst stale file: the number has gone to a process that lives, here this one.
    const pidFile = path.join(first.dataDir, 'pgdata', 'postmaster.pid');
    writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(process.pid)));
    await using second = await startPostgres({ dataDir, durable: false });
    expect(new URL(second.url()).password).toBe(new URL(first.url()).password);
    expect(await query(second.url('studio'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('works below a folder closed to other users, and starts empty when its data folder was deleted', async () => {
    const closed = path.join(scratch, 'closed');
    const dataDir = path.join(closed, 'data');
    mkdirSync(closed, { mode: 0o700 });
    const first = await startPostgres({ dataDir, durable: false });
    await first.createDatabase('studio');
    await first.stop();
    const second = await startPostgres({ dataDir, durable: false });
    expect(second.dataDir).toBe(first.dataDir);
    expect(await query(second.url('studio'), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await second.stop();
    rmSync(closed, { recursive: true });
    mkdirSync(closed, { mode: 0o700 });
    const third = await startPostgres({ dataDir, durable: false });
    await expect(query(third.url('studio'), 'SELECT 1')).rejects.toThrow(/does not exist/);
    await third.stop();
    rmSync(closed, { recursive: true });
    // As root the data lay elsewhere; the next one that needs such a folder clears what is abandoned.
    mkdirSync(closed, { mode: 0o700 });
    const other = await startPostgres({ dataDir: path.join(closed, 'other'), durable: false });
    await other.stop();
    expect([existsSync(third.dataDir), existsSync(other.dataDir)]).toEqual([false, true]);
    rmSync(other.dataDir, { recursive: true });
  });

  it('lets nobody in without the password, and keeps that in a file for its owner only', async () => {
    await using server = await startPostgres({ durable: false });
    const url = new URL(server.url());
    url.password = 'guess';
    await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
    expect(statSync(path.join(server.dataDir, 'password')).mode & 0o777).toBe(0o600);
  });

  it('refuses a data folder on which a server of a living launcher runs', async () => {
    const dataDir = path.join(scratch, 'twice');
    await using server = await startPostgres({ dataDir, durable: false });
    await expect(startPostgres({ dataDir, durable: false })).rejects.toMatchObject({ code: 'data-in-use' });
    expect(await query(server.url(), 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('copies a template database and drops one that is in use', async () => {
    await using server = await startPostgres({ durable: false });
    await server.createDatabase('made');
    await query(server.url('made'), 'CREATE TABLE take AS SELECT 7 AS number');
    await server.createDatabase('a "copy"', 'made');
    expect(await query(server.url('a "copy"'), 'SELECT number FROM take')).toEqual([{ number: 7 }]);
    const open = new pg.Client({ connectionString: server.url('a "copy"') });
    open.on('error', () => undefined);
    await open.connect();
    await server.dropDatabase('a "copy"');
    await expect(query(server.url('a "copy"'), 'SELECT 1')).rejects.toThrow(/does not exist/);
  });

  it('switches fsync off only where durability is not wanted', async () => {
    await using fast = await startPostgres({ durable: false });
    await using durable = await startPostgres({ maxConnections: 33 });
    expect(await query(fast.url(), 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
    expect(await query(durable.url(), 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    expect(await query(durable.url(), 'SHOW max_connections')).toEqual([{ max_connections: '33' }]);
  });
});
