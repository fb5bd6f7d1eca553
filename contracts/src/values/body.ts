import { z } from 'zod';
import { Sha256 } from './primitives.js';

/** Bodies of more bytes than this (canonical JSON) go to the blob store (law 3). */
export const INLINE_BODY_LIMIT = 64 * 1024;

/** An event's data may have at most this many bytes (law 3). */
export const EVENT_DATA_LIMIT = 256 * 1024;

/** A body that lies in the blob store as canonical JSON. */
export const BlobBody = z.strictObject({ blob: Sha256, size: z.int().min(0) });
export type BlobBody = z.infer<typeof BlobBody>;

/** A value carried in the event itself, or named by the hash of its canonical JSON in the blob store. */
export function bodyOf<S extends z.ZodType>(value: S) {
  return z.union([z.strictObject({ inline: value }), BlobBody]);
}
export type BodyOf<T> = { inline: T } | BlobBody;
