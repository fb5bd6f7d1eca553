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

/** A failed file operation as `storage-failed`, with the system's code in the message and the error as its cause. */
export function storageFailed(doing: string, error: unknown): ProblemError {
  const code = errnoOf(error);
  const reason = code === undefined ? String(error) : `${REASONS[code] ?? 'the system refused'} (${code})`;
  return new ProblemError('storage-failed', `${doing} failed: ${reason}`, { cause: error });
}
