import { INLINE_BODY_LIMIT, type BodyOf } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { z } from 'zod';
import { canonicalJson } from './canonical-json.js';

/** The part of a blob store that bodies need. */
export interface BodyBlobs {
  put(source: Uint8Array): Promise<{ readonly sha256: string; readonly size: number }>;
  get(sha256: string): Promise<Uint8Array>;
}

/**
 * The form in which an event carries a body: in itself, or, above INLINE_BODY_LIMIT bytes of canonical JSON, as the name
 * of a blob that holds them (law 3). The blob is written before the event that names it.
 * @throws whatever the blob store throws
 */
export async function spillBody<T>(value: T, blobs: Pick<BodyBlobs, 'put'>): Promise<BodyOf<T>> {
  const bytes = new TextEncoder().encode(canonicalJson(value));
  if (bytes.byteLength <= INLINE_BODY_LIMIT) return { inline: value };
  const { sha256, size } = await blobs.put(bytes);
  return { blob: sha256, size };
}

/**
 * The body that an event carries or names.
 * @param schema what the body must be; without it the blob's JSON is trusted, as only `spillBody` writes such blobs
 * @throws ProblemError `blob-corrupt` when the blob is not JSON or breaks the schema; whatever the blob store throws
 */
export async function loadBody<T>(body: BodyOf<T>, blobs: Pick<BodyBlobs, 'get'>, schema?: z.ZodType<T>): Promise<T> {
  if ('inline' in body) return body.inline;
  const bytes = await blobs.get(body.blob);
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return schema === undefined ? (value as T) : schema.parse(value);
  } catch (cause) {
    throw new ProblemError('blob-corrupt', `blob ${body.blob} does not hold the body that an event names`, { cause });
  }
}
