import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-server-error.js';
import { isOwned } from './owner-file.js';
import { runsAs, type OsUser } from './postgres-os-user.js';

/** Where root keeps clusters whose own folder the server's user cannot reach. */
const ROOT_DATA = '/var/lib/anime-servers';

export interface PostgresDataFolder {
  /** Ours: password, log, owner file. */
  readonly outer: string;
  /** PGDATA, owned by the server's user. */
  readonly pgdata: string;
  readonly temporary: boolean;
}

/**
 * The folder of a cluster, made where needed. As root it must be one that the server's user can traverse: `dataDir` if
 * it is, else a folder below /var/lib/anime-servers that belongs to `dataDir` and starts anew when `dataDir` was deleted.
 */
export function prepareDataFolder(dataDir: string | undefined, user: OsUser | undefined): PostgresDataFolder {
  if (dataDir === undefined) {
    for (const parent of new Set([tmpdir(), '/tmp'])) {
      const folder = use(mkdtempSync(path.join(parent, 'anime-postgres-')), user, true);
      if (folder !== undefined) return folder;
    }
  } else {
    const wanted = path.resolve(dataDir);
    mkdirSync(wanted, { recursive: true });
    const folder = use(wanted, user, false) ?? use(substituteFor(wanted), user, false);
    if (folder !== undefined) return folder;
  }
  throw new EmbeddedServerError(
    'start-failed',
    `the OS user ${user?.name ?? 'of this process'} cannot write to a folder for PostgreSQL${dataDir === undefined ? '' : ` at ${dataDir}`}: choose another folder or set DATABASE_URL.`,
  );
}

function use(outer: string, user: OsUser | undefined, temporary: boolean): PostgresDataFolder | undefined {
  const pgdata = path.join(outer, 'pgdata');
  mkdirSync(pgdata, { recursive: true, mode: 0o700 });
  if (user !== undefined) {
    chmodSync(outer, statSync(outer).mode | 0o111); // traversable; the password in it stays 0600
    if (statSync(pgdata).uid !== user.uid) chownTree(pgdata, user);
    if (!runsAs(user, 'test', ['-w', pgdata])) {
      rmSync(temporary ? outer : pgdata, { recursive: true, force: true });
      return undefined;
    }
  }
  return { outer, pgdata, temporary };
}

/**
 * The folder below /var/lib that stands for `wanted`. A random mark in both ties their lives together: without it a
 * deleted data folder would come back to life, older than the event log beside it.
 */
function substituteFor(wanted: string): string {
  removeAbandoned();
  const substitute = path.join(ROOT_DATA, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
  const [here, there] = [path.join(wanted, 'substitute-folder'), path.join(substitute, 'stands-for')];
  const mark = readText(here);
  if (mark === undefined || mark !== readText(there)) {
    rmSync(substitute, { recursive: true, force: true });
    mkdirSync(substitute, { recursive: true, mode: 0o711 });
    const fresh = `${wanted}\n${substitute}\n${randomBytes(12).toString('hex')}\n`;
    writeFileSync(there, fresh);
    writeFileSync(here, fresh);
  }
  return substitute;
}

/** Removes the substitutes of folders that no longer exist, unless a server still runs in them. */
function removeAbandoned(): void {
  if (!existsSync(ROOT_DATA)) return;
  for (const name of readdirSync(ROOT_DATA)) {
    const substitute = path.join(ROOT_DATA, name);
    const origin = readText(path.join(substitute, 'stands-for'))?.split('\n')[0];
    if (origin !== undefined && !existsSync(origin) && !isOwned(path.join(substitute, 'owner.json'))) {
      rmSync(substitute, { recursive: true, force: true });
    }
  }
}

function chownTree(target: string, user: OsUser): void {
  chownSync(target, user.uid, user.gid);
  for (const entry of readdirSync(target)) {
    const full = path.join(target, entry);
    if (lstatSync(full).isDirectory()) chownTree(full, user);
    else if (!lstatSync(full).isSymbolicLink()) chownSync(full, user.uid, user.gid);
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
