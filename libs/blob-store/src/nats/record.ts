import { z } from 'zod';
import type { Bucket } from './bucket.js';
import type { UploadedBlob } from './upload.js';

/** What is read of an object's record (ADR-20); `nuid` is the id of the upload that holds its content. */
const Record = z.object({
  nuid: z.string().regex(/^[\w-]+$/), // becomes part of a subject
  size: z.int().min(0),
  chunks: z.int().min(0),
});
export type Record = z.infer<typeof Record>;

export interface FoundRecord {
  /** The sequence that a repair expects. */
  readonly seq: number;
  /** Undefined when it cannot be understood. */
  readonly record: Record | undefined;
}

/** The record of a blob, or undefined when nothing was ever said of it. @throws ProblemError `storage-failed` */
export async function readRecord(bucket: Bucket, sha256: string): Promise<FoundRecord | undefined> {
  const message = await bucket.last(bucket.recordOf(sha256));
  return message && { seq: message.seq, record: parse(message.data) };
}

function parse(data: Uint8Array): Record | undefined {
  try {
    return Record.parse(JSON.parse(Buffer.from(data).toString()));
  } catch {
    return undefined;
  }
}

/** The record as any client of NATS object stores understands it. */
export function recordText(bucket: Bucket, upload: string, blob: UploadedBlob): string {
  return JSON.stringify({
    name: blob.sha256,
    bucket: bucket.name,
    nuid: upload,
    size: blob.size,
    chunks: blob.chunks,
    digest: `SHA-256=${Buffer.from(blob.sha256, 'hex').toString('base64url')}=`, // 32 bytes: one padding sign
    mtime: new Date().toISOString(),
    options: { max_chunk_size: blob.chunkBytes },
  });
}
