import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { errnoOf } from '@anime/blob-store';

/** A staged file of a process that cannot be asked counts as left behind after this time. */
const STALE_AFTER_MS = 60 * 60 * 1000;
const HOST = hostname()
  .toLowerCase()
  .replaceAll(/[^a-z0-9-]/g, '-');

/**
 * Where files are written before they appear in the library: `<library>/.incoming`. One folder, on the library's own
 * file system, so that what a dead process left is found without walking the whole library, and nobody who watches the library's
 * folders ever sees half a file.
 */
export class StagingFolder {
  constructor(private readonly dir: string) {}

  /** A new name in the folder, `<random>.<pid>.<host>`, so that a later start knows whose file it was. */
  newFile(): string {
    return path.join(this.dir, `${randomUUID()}.${process.pid}.${HOST}`);
  }

  /** Makes the folder and removes what processes that have ended left in it. */
  async prepare(): Promise<void> {
    await mkdir(this.dir, { recursive: true });
    for (const name of await readdir(this.dir)) {
      const file = path.join(this.dir, name);
      if (await isLeftBehind(file)) await rm(file, { force: true });
    }
  }
}

async function isLeftBehind(file: string): Promise<boolean> {
  const [, pid, host] = path.basename(file).split('.');
  const modified = await stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => Number.POSITIVE_INFINITY, // somebody has just finished with it
  );
  if (modified === Number.POSITIVE_INFINITY) return false;
  if (Date.now() - modified > STALE_AFTER_MS) return true;
  if (host !== HOST) return false;
  // In a container every start has the same process id: then a file from before this start is not ours.
  return Number(pid) === process.pid ? modified < performance.timeOrigin : !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}
