import { ProblemError } from '@anime/problem-details';

/** Code of a system error (`ENOSPC`…), undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  // By its fields: an error from another realm (a test's) is not an instance of this one's Error.
  if (typeof error !== 'object' || error === null || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Runs a file operation; a system error becomes `storage-failed`. Its text keeps the system's words and leaves out the
 * path, which may hold a person's name.
 */
export async function onDisk<T>(doing: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new ProblemError('storage-failed', `${doing}: ${wordsOf(error)}`, { cause: error });
  }
}

/** `ENOSPC: no space left on device` of `ENOSPC: no space left on device, write '…'`. */
function wordsOf(error: unknown): string {
  const message =
    typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return message.split(',', 1)[0] ?? message;
}
