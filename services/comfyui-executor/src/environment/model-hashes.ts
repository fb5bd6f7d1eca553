import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { ModelFiles, type ModelFileState } from './model-files.js';

export interface ModelHashesOptions {
  readonly folder: string;
  /** Told why the folder, or a file in it, could not be read; its models have no hash then. */
  readonly onError: (error: unknown) => void;
}

/** Model files by the names that a graph has for them, as they were when its prompt was queued. */
export type NotedModels = ReadonlyMap<string, readonly ModelFileState[]>;

/** A prompt is not kept waiting for a folder that does not answer. */
const NOTING_MS = 2_000;
/** How long the end of an attempt waits for models that are still being read: they are several GB each. */
const PATIENCE_MS = 10_000;
/** Half a millisecond of hashing; then whatever else waits has its turn. */
const CHUNK = 256 * 1024;
const KEPT = 1_000;

/**
 * SHA-256 of the models that the runs of one server used. What counts is the file as it was when the server loaded it: noted before
 * the prompt is queued, and unknown when the file is another one at its end. A server that has a loader's result in its cache goes
 * on with what it loaded then, so for each model the file of the last run that loaded it is remembered.
 *
 * A file is read once as long as its path, size and time of change are the same, and never by two at a time: one after the other,
 * in small pieces. All is kept in memory: after a start of the process files are read again, and models in the server's cache are
 * unknown until it loads them again.
 */
export class ModelHashes {
  readonly #files: ModelFiles;
  readonly #onError: (error: unknown) => void;
  readonly #known = new Map<string, Promise<string | null>>();
  readonly #loaded = new Map<string, string>();
  #line: Promise<unknown> = Promise.resolve();

  constructor({ folder, onError }: ModelHashesOptions) {
    this.#files = new ModelFiles(folder);
    this.#onError = onError;
  }

  /**
   * Notes what files the models are; to be called before their prompt is queued. Begins to read them, so that the hashes are there
   * when it has ended.
   * @param names as graphs have them, e.g. `sdxl/anime.safetensors`
   */
  async note(names: Iterable<string>, patienceMs = NOTING_MS): Promise<NotedModels> {
    const noted = new Map<string, readonly ModelFileState[]>();
    await within(patienceMs, names, async (name) => noted.set(name, await this.#find(name)));
    for (const files of noted.values()) void this.#hashOf(files);
    return new Map(noted);
  }

  /**
   * To be called when the prompt has ended well.
   * @param loaded the models that it loaded; the server had the others in its cache
   * @returns for each name its hash in lower-case hex; null when there was no such file, when several that differ have this name,
   *   when it is not known whether the server loaded this very file, or when it has not been read within `patienceMs`
   */
  async ofRun(
    noted: NotedModels,
    loaded: ReadonlySet<string>,
    patienceMs = PATIENCE_MS,
  ): Promise<ReadonlyMap<string, string | null>> {
    const hashes = new Map<string, string | null>();
    await within(patienceMs, noted.keys(), async (name) => {
      const files = noted.get(name) ?? [];
      const key = keyOf(files);
      const isSame = files.length > 0 && keyOf(await this.#find(name)) === key;
      if (loaded.has(name)) {
        if (isSame) this.#loaded.set(name, key);
        else this.#loaded.delete(name);
      }
      if (isSame && this.#loaded.get(name) === key) hashes.set(name, await this.#hashOf(files));
    });
    return new Map(hashes);
  }

  /**
   * A prompt that named them has not ended well, or was not noted: nobody knows whether it loaded them. What was the same file as at
   * the run that loaded it last is that one either way.
   */
  forget(names: Iterable<string>, noted: NotedModels | undefined): void {
    for (const name of names) if (keyOf(noted?.get(name) ?? []) !== this.#loaded.get(name)) this.#loaded.delete(name);
  }

  async #find(name: string): Promise<readonly ModelFileState[]> {
    try {
      return await this.#files.find(name);
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }

  /** Of files that are the same. Never throws. */
  async #hashOf([first, ...others]: readonly ModelFileState[]): Promise<string | null> {
    if (first === undefined || others.some(({ size }) => size !== first.size)) return null;
    try {
      const [hash, ...more] = await Promise.all([first, ...others].map((file) => this.#read(file)));
      return hash !== undefined && more.every((other) => other === hash) ? hash : null;
    } catch (error) {
      this.#onError(error);
      return null;
    }
  }

  #read(file: ModelFileState): Promise<string | null> {
    const key = keyOf([file]);
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
async function sha256Of({ path, size, modifiedMs }: ModelFileState): Promise<string | null> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK })) {
    const bytes = chunk as Buffer; // no encoding is set
    hash.update(bytes);
    read += bytes.length;
    await nextTurn();
  }
  const { mtimeMs } = await stat(path);
  return read === size && mtimeMs === modifiedMs ? hash.digest('hex') : null;
}

/** The same for the same files as they are. */
function keyOf(files: readonly ModelFileState[]): string {
  return files.map(({ path, size, modifiedMs }) => `${path}\n${size}\n${modifiedMs}`).join('\n');
}

/** Does something with each name at once, and waits for it so long at most. */
async function within(ms: number, names: Iterable<string>, act: (name: string) => Promise<unknown>): Promise<void> {
  const enough = new AbortController();
  const all = Promise.all([...new Set(names)].map(act));
  await Promise.race([all, delay(ms, undefined, { signal: enough.signal }).catch(() => undefined)]);
  enough.abort();
}
