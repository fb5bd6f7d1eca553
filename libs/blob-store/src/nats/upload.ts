import { createHash, randomUUID } from 'node:crypto';
import type { StoredBlob } from '../blob-store.js';
import type { Bucket } from './bucket.js';
import { natsFailed, wasRefused } from './nats-faults.js';

/** The usual size of a chunk in a NATS object store: small enough that other messages need not wait for it long. */
const CHUNK_BYTES = 128 * 1024;
/** Chunks sent and not yet acknowledged: so much of the source is in memory, and the source is asked for more only then. */
const WINDOW = 16;

export interface UploadedBlob extends StoredBlob {
  readonly chunks: number;
  readonly chunkBytes: number;
}

/**
 * Content on its way into a bucket. Nobody sees it until a record names it. As long as it has its mark it is found by
 * `sweep` when this process dies.
 */
export class Upload {
  readonly id = randomUUID();
  readonly #bucket: Bucket;
  #lastSent = 0;
  #lastChunk = 0;
  /** Messages that were sent and of which nobody knows whether they are, or will be, stored. */
  #uncertain = 0;

  private constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  static async begin(bucket: Bucket): Promise<Upload> {
    const upload = new Upload(bucket);
    upload.#lastSent = Date.now();
    await upload.send(bucket.markOf(upload.id), '');
    return upload;
  }

  /** When it was begun, by the server's clock. */
  async began(): Promise<Date> {
    const mark = await this.#bucket.last(this.#bucket.markOf(this.id));
    if (mark === undefined) throw natsFailed('Storing a blob', new Error('the mark of an upload has vanished'));
    return mark.time;
  }

  /** Sends the content in chunks, in flat memory. @throws what the source throws; ProblemError `storage-failed` */
  async write(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<UploadedBlob> {
    const chunkBytes = await this.#bucket.ask('Storing a blob', async ({ nc }) =>
      Math.min(CHUNK_BYTES, nc.info?.max_payload ?? CHUNK_BYTES),
    );
    const hash = createHash('sha256');
    let [size, chunks] = [0, 0];
    const sent: Promise<number>[] = [];
    try {
      for await (const chunk of cut(source, chunkBytes)) {
        hash.update(chunk);
        size += chunk.byteLength;
        chunks += 1;
        if (sent.length === WINDOW) await this.#storedInOrder(sent.splice(0, 1));
        const acknowledged = this.send(this.#bucket.chunksOf(this.id), chunk);
        acknowledged.catch(() => undefined); // It is thrown when its turn comes.
        sent.push(acknowledged);
      }
      await this.#storedInOrder(sent);
    } finally {
      await Promise.allSettled(sent); // What is removed after a failure must have arrived before.
    }
    return { sha256: hash.digest('hex'), size, chunks, chunkBytes };
  }

  /** Writes into the mark which name the content is about to get, for `sweep` to see whether it got it. */
  async announce(sha256: string): Promise<void> {
    await this.send(this.#bucket.markOf(this.id), sha256);
  }

  /** Stores one message of this upload. @throws ProblemError `storage-failed` */
  async send(subject: string, data: Uint8Array | string, expected?: number): Promise<number> {
    const now = Date.now();
    // Long before `sweep` may take it for one of a process that has died.
    const longestPauseMs = this.#bucket.staleAfterMs / 2;
    if (now - this.#lastSent > longestPauseMs)
      throw natsFailed('Storing a blob', new Error(`its source paused for more than ${longestPauseMs / 60_000} min`));
    this.#lastSent = now;
    this.#uncertain += 1;
    try {
      const seq = await this.#bucket.publish(subject, data, expected);
      this.#uncertain -= 1;
      return seq;
    } catch (error) {
      if (wasRefused(error)) this.#uncertain -= 1;
      throw error;
    }
  }

  /** The content has its name: the mark is of no use any more. Never throws: `sweep` does it as well. */
  async finish(): Promise<void> {
    await this.#bucket.purge(this.#bucket.markOf(this.id)).catch(() => undefined);
  }

  /**
   * Takes back everything. What may still arrive would be forgotten for ever without the mark; then all is left to
   * `sweep`, as it is when this fails. Never throws: why the upload failed is what counts.
   */
  async discard(): Promise<void> {
    if (this.#uncertain > 0) return;
    await removeUpload(this.#bucket, this.id).catch(() => undefined);
  }

  /**
   * Waits for chunks in the order in which they were sent: their acknowledgements come in the order in which they were stored,
   * which is another one when a cluster changes its leader. A blob must not be acknowledged that can never be read.
   */
  async #storedInOrder(sent: readonly Promise<number>[]): Promise<void> {
    for (const acknowledged of sent) {
      const seq = await acknowledged;
      if (seq <= this.#lastChunk) throw natsFailed('Storing a blob', new Error('its chunks were stored out of order'));
      this.#lastChunk = seq;
    }
  }
}

/** The mark goes last: until then `sweep` finds what is left. */
export async function removeUpload(bucket: Bucket, upload: string): Promise<void> {
  await bucket.purge(bucket.chunksOf(upload));
  await bucket.purge(bucket.markOf(upload));
}

/** The same bytes in chunks of this size, the last one smaller; copies, as a source may use its memory again. */
async function* cut(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  let chunk = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const bytes of source) {
    for (let at = 0; at < bytes.byteLength;) {
      const taken = Math.min(size - filled, bytes.byteLength - at);
      chunk.set(bytes.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < size) continue;
      yield chunk;
      chunk = Buffer.allocUnsafeSlow(size);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
