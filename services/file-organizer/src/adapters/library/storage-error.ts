import { ProblemError } from '@anime/problem-details';

/** Code of a system error (`ENOSPC`…), undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && 'syscall' in error ? error.code : undefined;
}

/**
 * Runs a file operation; a system error becomes `storage-failed`. Its text keeps the system's words and leaves out the
 * path, which may hold a person's name.
 */
export async function onDisk<T>(doing: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    if (error instanceof ProblemError || errnoOf(error) === undefined) throw error;
    const reason = error instanceof Error ? error.message.split(',', 1)[0] : '';
    throw new ProblemError('storage-failed', `${doing}: ${reason}`, { cause: error });
  }
}
