import type { Bucket } from './bucket.js';
import { readRecord } from './record.js';
import { removeUpload } from './upload.js';

/**
 * Removes what processes that died in the middle of a put have left. Content that a record names stays. Any number of
 * processes may do this at once.
 * @param now the server's time
 * @throws ProblemError `storage-failed`
 */
export async function sweep(bucket: Bucket, now: Date): Promise<void> {
  const isFresh = (time: Date): boolean => now.getTime() - time.getTime() < bucket.staleAfterMs;
  for (const upload of await bucket.marked()) {
    const mark = await bucket.last(bucket.markOf(upload));
    if (mark === undefined || isFresh(mark.time)) continue;
    const chunk = await bucket.last(bucket.chunksOf(upload));
    if (chunk !== undefined && isFresh(chunk.time)) continue;
    if (await isNamed(bucket, upload, Buffer.from(mark.data).toString())) await bucket.purge(bucket.markOf(upload));
    else await removeUpload(bucket, upload);
  }
}

/** @param announced the name that the upload was about to give its content; '' when it had not come that far */
async function isNamed(bucket: Bucket, upload: string, announced: string): Promise<boolean> {
  if (announced === '') return false;
  return (await readRecord(bucket, announced))?.record?.nuid === upload;
}
