import { createHash } from 'node:crypto';
import type { BlobStore, StoredBlob } from './blob-store.js';
import { checkBlobName, corrupt, isBlobName, isWhole, notFound } from './content.js';
import { Bucket, type BlobConnection } from './nats/bucket.js';
import { wasOvertaken } from './nats/nats-faults.js';
import { readChunks } from './nats/read-chunks.js';
import { readRecord, recordText } from './nats/record.js';
import { sweep } from './nats/sweep.js';
import { Upload, type UploadedBlob } from './nats/upload.js';

const SWEEP_EVERY_MS = 60 * 60_000;
/** Each loss of the race for a name means that somebody else has just named or repaired the same content. */
const NAMING_TRIES = 5;

/**
 * Blobs as objects of a JetStream object store, for services that share no folder. The content goes into the stream while
 * its hash is computed; the record with its name comes last, so that a blob appears whole. The bucket must exist
 * (`anime provision`).
 */
export class NatsBlobStore implements BlobStore {
  readonly #bucket: Bucket;
  #sweptAt = Number.NEGATIVE_INFINITY;

  /** @param staleAfterMs an upload that has not sent anything for this long is cleared away; default an hour */
  constructor(connection: BlobConnection, bucket: string, staleAfterMs?: number) {
    this.#bucket = new Bucket(connection, bucket, staleAfterMs);
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredBlob> {
    if (source instanceof Uint8Array) {
      const sha256 = createHash('sha256').update(source).digest('hex');
      if (await isWhole(this, sha256, source.byteLength)) return { sha256, size: source.byteLength };
    }
    const upload = await Upload.begin(this.#bucket);
    let blob: UploadedBlob;
    let named: boolean;
    try {
      await this.#sweepSometimes(upload);
      blob = await upload.write(source instanceof Uint8Array ? [source] : source);
      named = await this.#name(blob, upload);
    } catch (error) {
      await upload.discard();
      throw error;
    }
    await (named ? upload.finish() : upload.discard());
    return { sha256: blob.sha256, size: blob.size };
  }

  async get(sha256: string): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.stream(sha256)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async *stream(sha256: string): AsyncGenerator<Uint8Array> {
    checkBlobName(sha256);
    const found = await readRecord(this.#bucket, sha256);
    if (found === undefined) throw notFound(sha256);
    if (found.record === undefined) throw corrupt(sha256);
    const { nuid, size, chunks } = found.record;
    const hash = createHash('sha256');
    let read = 0;
    if (chunks > 0) {
      for await (const chunk of readChunks(this.#bucket, nuid)) {
        read += chunk.byteLength;
        if (read > size) throw corrupt(sha256);
        hash.update(chunk);
        yield chunk;
      }
    }
    if (hash.digest('hex') !== sha256) throw corrupt(sha256);
  }

  async has(sha256: string): Promise<{ readonly size: number } | undefined> {
    if (!isBlobName(sha256)) return undefined;
    const record = (await readRecord(this.#bucket, sha256))?.record;
    return record && { size: record.size };
  }

  /** Whether the bucket is there. @throws ProblemError `storage-failed` saying why not */
  async check(): Promise<void> {
    await this.#bucket.ask('Looking for the bucket of blobs', ({ jsm }) => jsm.streams.info(this.#bucket.stream));
  }

  /**
   * Gives the uploaded content its name, unless the name has this very content already; the record of a damaged blob is
   * replaced.
   * @returns whether this upload is now the blob's content
   */
  async #name(blob: UploadedBlob, upload: Upload): Promise<boolean> {
    await upload.announce(blob.sha256);
    const text = recordText(this.#bucket, upload.id, blob);
    let expected = 0;
    for (let tries = 1; ; tries += 1) {
      try {
        await upload.send(this.#bucket.recordOf(blob.sha256), text, expected);
        return true;
      } catch (error) {
        if (!wasOvertaken(error) || tries === NAMING_TRIES) throw error;
      }
      expected = (await readRecord(this.#bucket, blob.sha256))?.seq ?? 0;
      if (await isWhole(this, blob.sha256, blob.size)) return false;
    }
  }

  /** At the first put and once an hour; what it fails to do is done another time. */
  async #sweepSometimes(upload: Upload): Promise<void> {
    if (performance.now() - this.#sweptAt < SWEEP_EVERY_MS) return;
    this.#sweptAt = performance.now();
    try {
      await sweep(this.#bucket, await upload.began());
    } catch {
      this.#sweptAt = Number.NEGATIVE_INFINITY;
    }
  }
}
