import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { ProblemError } from '@anime/problem-details';
import type { BlobStore, StoredBlob } from './blob-store.js';
import { checkBlobName, corrupt, isBlobName, isWhole, notFound } from './content.js';
import { errnoOf, flushFolder, onDisk, storageFailed } from './disk.js';

const READ_CHUNK_BYTES = 256 * 1024;
/** A put that has not written for this long is taken to be of a process that has died. */
const STALE_AFTER_MS = 60 * 60 * 1000;

/**
 * Blobs as files `<dir>/aa/bb/<sha256>`; the services of one machine share the folder. A blob appears by `rename` from
 * `<dir>/tmp`, after its bytes and before its folder entry are flushed to the disk.
 */
export class FsBlobStore implements BlobStore {
  readonly #dir: string;
  readonly #temporary: string;
  readonly #durableFolders = new Set<string>();
  #opening: Promise<void> | undefined;

  /** @param dir made when missing, at the first put */
  constructor(dir: string) {
    this.#dir = path.resolve(dir);
    this.#temporary = path.join(this.#dir, 'tmp');
  }

  async put(source: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredBlob> {
    if (source instanceof Uint8Array) {
      const sha256 = createHash('sha256').update(source).digest('hex');
      // What cannot be read is written anew.
      if (await isWhole(this, sha256, source.byteLength).catch(() => false)) {
        // Whoever renamed it may not have flushed the folder yet, and our answer promises durability.
        await this.#flushFolders(sha256);
        return { sha256, size: source.byteLength };
      }
    }
    await this.#open();
    const temporary = path.join(this.#temporary, randomUUID());
    try {
      const blob = await this.#writeTemporary(temporary, source);
      await this.#publish(temporary, blob.sha256);
      return blob;
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one that tells why
      // The folder may have been taken away from under us: look again at the next put.
      this.#opening = undefined;
      this.#durableFolders.clear();
      throw error;
    }
  }

  async get(sha256: string): Promise<Uint8Array> {
    const content = await readFile(this.#fileOf(sha256)).catch((error: unknown) => {
      throw readFailed(sha256, error);
    });
    if (createHash('sha256').update(content).digest('hex') !== sha256) throw corrupt(sha256);
    return content;
  }

  async *stream(sha256: string): AsyncGenerator<Uint8Array> {
    const file = this.#fileOf(sha256);
    let handle: FileHandle;
    try {
      handle = await open(file, 'r');
    } catch (error) {
      throw readFailed(sha256, error);
    }
    try {
      const hash = createHash('sha256');
      for (;;) {
        const chunk = await handle
          .read(Buffer.allocUnsafe(READ_CHUNK_BYTES), 0, READ_CHUNK_BYTES, null)
          .catch((error: unknown) => {
            throw readFailed(sha256, error);
          });
        if (chunk.bytesRead === 0) break;
        const bytes = chunk.buffer.subarray(0, chunk.bytesRead);
        hash.update(bytes);
        yield bytes;
      }
      if (hash.digest('hex') !== sha256) throw corrupt(sha256);
    } finally {
      await handle.close();
    }
  }

  async has(sha256: string): Promise<{ readonly size: number } | undefined> {
    if (!isBlobName(sha256)) return undefined;
    try {
      return { size: (await stat(this.#fileOf(sha256))).size };
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw storageFailed(`Looking for blob ${sha256}`, error);
    }
  }

  #fileOf(sha256: string): string {
    checkBlobName(sha256);
    return path.join(this.#folderOf(sha256), sha256);
  }

  #folderOf(sha256: string): string {
    return path.join(this.#dir, sha256.slice(0, 2), sha256.slice(2, 4));
  }

  async #writeTemporary(file: string, source: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredBlob> {
    const handle = await onDisk('Creating a blob', () => open(file, 'wx'));
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of source instanceof Uint8Array ? [source] : source) {
        hash.update(chunk);
        size += chunk.byteLength;
        await onDisk('Writing a blob', () => handle.writeFile(chunk));
      }
      await onDisk('Writing a blob', () => handle.sync());
      return { sha256: hash.digest('hex'), size };
    } finally {
      await handle.close();
    }
  }

  async #publish(temporary: string, sha256: string): Promise<void> {
    await onDisk('Storing a blob', async () => {
      await mkdir(this.#folderOf(sha256), { recursive: true });
      await rename(temporary, this.#fileOf(sha256)); // over an equal blob it changes nothing; over a damaged one it repairs
    });
    await this.#flushFolders(sha256);
  }

  /** An entry survives a power cut once its folder is flushed, and a folder once its parent is. */
  async #flushFolders(sha256: string): Promise<void> {
    const folder = this.#folderOf(sha256);
    await onDisk('Flushing a folder', async () => {
      const above = this.#durableFolders.has(folder) ? [] : [path.dirname(folder), this.#dir];
      await Promise.all([folder, ...above].map((each) => flushFolder(each)));
      this.#durableFolders.add(folder);
    });
  }

  async #open(): Promise<void> {
    this.#opening ??= this.#prepare();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined; // the disk may be there at the next try
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    await onDisk('Opening the blob store', async () => {
      const first = await mkdir(this.#temporary, { recursive: true });
      if (first === undefined) return;
      // Each folder that was made survives a power cut once the one above it is flushed.
      for (let made = this.#temporary; made.startsWith(first); made = path.dirname(made))
        await flushFolder(path.dirname(made));
    });
    const stale = Date.now() - STALE_AFTER_MS;
    for (const name of await onDisk('Opening the blob store', () => readdir(this.#temporary))) {
      const file = path.join(this.#temporary, name);
      const modified = await stat(file).then(
        (found) => found.mtimeMs,
        () => Number.POSITIVE_INFINITY, // another process has just finished with it
      );
      if (modified < stale) await rm(file, { force: true }).catch(() => undefined);
    }
  }
}

function readFailed(sha256: string, error: unknown): ProblemError {
  return errnoOf(error) === 'ENOENT' ? notFound(sha256, error) : storageFailed(`Reading blob ${sha256}`, error);
}
