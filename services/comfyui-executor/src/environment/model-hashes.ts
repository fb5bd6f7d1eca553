import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { ModelFiles, type ModelFileState } from './model-files.js';

export interface ModelHashesOptions {
  readonly folder: string;
  /** Told why the folder, or a file in it, could not be read; its models have no hash then. */
  readonly onError: (error: unknown) => void;
}

/** How long the end of an attempt waits for models that are still being read: they are several GB each. */
const PATIENCE_MS = 10_000;
/** Half a millisecond of hashing; then whatever else waits has its turn. */
const CHUNK = 256 * 1024;
const KEPT = 1_000;

/**
 * SHA-256 of the model files below one folder. A file is read once as long as its path, size and time of change are the same, and never
 * by two at a time: one after the other, in small pieces. Kept in memory: after a start of the process they are read again.
 */
export class ModelHashes {
  readonly #files: ModelFiles;
  readonly #onError: (error: unknown) => void;
  readonly #known = new Map<string, Promise<string | null>>();
  #line: Promise<unknown> = Promise.resolve();

  constructor({ folder, onError }: ModelHashesOptions) {
    this.#files = new ModelFiles(folder);
    this.#onError = onError;
  }

  /** Begins to read, so that the hashes are there when an attempt has ended. */
  prepare(names: Iterable<string>): void {
    for (const name of new Set(names)) void this.#hashOf(name);
  }

  /**
   * @param names as graphs have them, e.g. `sdxl/anime.safetensors`
   * @returns for each name its hash in lower-case hex; null when there is no such file, when several that differ have this name, or
   *   when it has not been read within `patienceMs`
   */
  async of(names: Iterable<string>, patienceMs = PATIENCE_MS): Promise<ReadonlyMap<string, string | null>> {
    const hashes = new Map<string, string | null>([...new Set(names)].map((name) => [name, null]));
    const enough = new AbortController();
    const all = Promise.all([...hashes.keys()].map(async (name) => hashes.set(name, await this.#hashOf(name))));
    await Promise.race([all, delay(patienceMs, undefined, { signal: enough.signal }).catch(() => undefined)]);
    enough.abort();
    return new Map(hashes);
  }

  /** Never throws. */
  async #hashOf(name: string): Promise<string | null> {
    try {
      const [first, ...others] = await this.#files.find(name);
      if (first === undefined || others.some(({ size }) => size !== first.size)) return null;
      const [hash, ...more] = await Promise.all([first, ...others].map((file) => this.#read(file)));
      return hash !== undefined && more.every((other) => other === hash) ? hash : null;
    } catch (error) {
      this.#onError(error);
      return null;
    }
  }

  #read(file: ModelFileState): Promise<string | null> {
    const key = `${file.path}\n${file.size}\n${file.modifiedMs}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const reading = this.#line.then(() => sha256Of(file));
    this.#line = reading.catch(() => undefined);
    this.#known.set(key, reading);
    reading.catch(() => this.#known.delete(key));
    const [oldest] = this.#known.keys();
    if (this.#known.size > KEPT && oldest !== undefined) this.#known.delete(oldest);
    return reading;
  }
}

/** @returns null when the file changed while it was read */
async function sha256Of({ path, size }: ModelFileState): Promise<string | null> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    const bytes = chunk as Buffer; // no encoding is set
    hash.update(bytes);
    read += bytes.length;
    await nextTurn();
  }
  return read === size ? hash.digest('hex') : null;
}
