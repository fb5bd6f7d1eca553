import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readFileSync, readlinkSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedServerError } from './embedded-server-error.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import type { PostgresDataFolder } from './postgres-data-folder.js';
import { idsOf, type OsUser } from './postgres-os-user.js';

const run = promisify(execFile);

/** The environment of the server's programs: without PG* variables, which would change what they do. */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') && !name.startsWith('LC_'));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

/**
 * Makes the cluster with initdb unless it is there, and returns the password of its superuser `postgres`, which is
 * generated then and kept beside the data in a file that only this user can read. An initdb that was cut short leaves
 * no password file; its remains are removed.
 */
export async function initialiseCluster(
  binaries: PostgresBinaries,
  folder: PostgresDataFolder,
  user: OsUser | undefined,
  durable: boolean,
): Promise<string> {
  const passwordFile = path.join(folder.outer, 'password');
  if (existsSync(passwordFile) && existsSync(path.join(folder.pgdata, 'PG_VERSION'))) {
    return readFileSync(passwordFile, 'utf8').trim();
  }
  for (const entry of readdirSync(folder.pgdata))
    rmSync(path.join(folder.pgdata, entry), { recursive: true, force: true });
  const password = randomBytes(24).toString('base64url');
  const handOver = path.join(folder.outer, 'password.initdb');
  rmSync(handOver, { force: true });
  writeFileSync(handOver, password, { mode: 0o600 });
  if (user !== undefined) chownSync(handOver, user.uid, user.gid);
  try {
    const args = ['--pgdata', folder.pgdata, '--username', 'postgres', '--auth', 'scram-sha-256', '--pwfile', handOver];
    // The built-in provider sorts alike on every machine, whatever locales are installed.
    args.push('--encoding', 'UTF8', '--locale', 'C', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8');
    if (!durable) args.push('--no-sync');
    await run(binaries.initdb, args, { cwd: '/', env: postgresEnvironment(), ...idsOf(user) });
  } catch (error) {
    const said = typeof error === 'object' && error !== null && 'stderr' in error ? String(error.stderr) : '';
    const detail = said === '' ? String(error) : said; // a program that could not be started has said nothing
    throw new EmbeddedServerError('start-failed', `initdb failed in ${folder.pgdata}:\n${detail}`, { cause: error });
  } finally {
    rmSync(handOver, { force: true });
  }
  writeFileSync(passwordFile, password, { mode: 0o600 });
  return password;
}

/**
 * Removes a postmaster.pid whose process is not a PostgreSQL on this folder. PostgreSQL itself overcomes a stale file
 * only while no other process has got that number.
 */
export function removeStalePidFile(pgdata: string): void {
  const file = path.join(pgdata, 'postmaster.pid');
  const pid = postmasterStatus(pgdata)?.pid;
  if (pid === undefined || process.platform !== 'linux') return;
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) === pgdata) return; // a postmaster's working directory is its data folder
  } catch {
    // No such process.
  }
  rmSync(file, { force: true });
}

/** Process id and state from postmaster.pid (lines 1 and 8, as pg_ctl reads them). */
export function postmasterStatus(pgdata: string): { pid: number; ready: boolean } | undefined {
  try {
    const lines = readFileSync(path.join(pgdata, 'postmaster.pid'), 'utf8').split('\n');
    const pid = Number(lines[0]);
    return Number.isInteger(pid) && pid > 0 ? { pid, ready: lines[7]?.trim() === 'ready' } : undefined;
  } catch {
    return undefined;
  }
}
