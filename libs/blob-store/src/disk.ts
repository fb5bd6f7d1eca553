import { open } from 'node:fs/promises';
import { ProblemError } from '@anime/problem-details';

/**
 * Code of a system error (`ENOSPC`…), or undefined for any other value. By shape, because where code runs in a context of its
 * own (as under Jest), the system's errors are not of that context's `Error`.
 */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than this process may write',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  EIO: 'the device reports an error',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files',
};

/**
 * A failed file operation as `storage-failed`, with the system's code in the message and the error as its cause. The
 * path stays out of the message: it may hold a person's name.
 */
export function storageFailed(doing: string, error: unknown): ProblemError {
  const code = errnoOf(error);
  const reason = code === undefined ? String(error) : `${REASONS[code] ?? 'the system refused'} (${code})`;
  return new ProblemError('storage-failed', `${doing} failed: ${reason}`, { cause: error });
}

/** Runs file operations; a system error becomes `storage-failed`, any other error stays what it is. */
export async function onDisk<T>(doing: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw errnoOf(error) === undefined ? error : storageFailed(doing, error);
  }
}

/** Makes the entries of a folder survive a power cut (fsync(2): a file's own flush does not include its entry). */
export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
