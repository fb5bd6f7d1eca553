import { execFileSync } from 'node:child_process';
import { constants, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from './eventually.js';

export interface BlobPipe {
  /** Where the file was. */
  readonly file: string;
  /** The writing end, once somebody reads it; what is written must fit the pipe's 64 KiB. */
  opened(): Promise<FileHandle>;
}

/**
 * Puts a named pipe in the place of a file below the folder: it gives its bytes when the test does, so that a process which
 * reads it is known to be in the middle.
 * @throws when there is no file of that name
 */
export async function replaceByPipe(folder: string, name: string): Promise<BlobPipe> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = entries.find((entry) => entry.isFile() && entry.name === name);
  if (found === undefined) throw new Error(`there is no file ${name} below ${folder}`);
  const file = path.join(found.parentPath, name);
  await rm(file);
  execFileSync('mkfifo', [file]);
  return {
    file,
    opened: () =>
      eventually(() => open(file, constants.O_WRONLY | constants.O_NONBLOCK), { what: 'somebody reads the pipe' }),
  };
}
