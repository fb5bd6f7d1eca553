import { isProblem, ProblemError } from '@anime/problem-details';
import type { BlobStore } from './blob-store.js';

const SHA256 = /^[0-9a-f]{64}$/;

/** Names come from events and requests: nothing but a hash may become a path or a subject. */
export function isBlobName(name: string): boolean {
  return SHA256.test(name);
}

/** @throws ProblemError `blob-not-found` for what is no hash */
export function checkBlobName(name: string): void {
  if (!isBlobName(name)) throw new ProblemError('blob-not-found', `${JSON.stringify(name)} is not the name of a blob`);
}

export function notFound(sha256: string, cause?: unknown): ProblemError {
  return new ProblemError('blob-not-found', `There is no blob ${sha256}`, cause === undefined ? {} : { cause });
}

export function corrupt(sha256: string): ProblemError {
  return new ProblemError('blob-corrupt', `The content of blob ${sha256} is not what its name says`);
}

/**
 * Whether the store holds exactly this content. A damaged blob of the right size counts as absent, so that putting the
 * content again repairs it.
 * @throws ProblemError `storage-failed` when that cannot be told just now
 */
export async function isWhole(
  store: Pick<BlobStore, 'has' | 'stream'>,
  sha256: string,
  size: number,
): Promise<boolean> {
  if ((await store.has(sha256))?.size !== size) return false;
  try {
    for await (const _chunk of store.stream(sha256));
    return true;
  } catch (error) {
    if (isProblem(error, 'blob-corrupt') || isProblem(error, 'blob-not-found')) return false;
    throw error;
  }
}
