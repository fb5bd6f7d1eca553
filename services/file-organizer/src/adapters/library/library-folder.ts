import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, link, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, flushFolder, onDisk } from '@anime/blob-store';
import { ProblemError } from '@anime/problem-details';
import { besideOccupied } from '../../domain/library/layout.js';
import { StagingFolder } from './staging-folder.js';

/** Bytes that are to become a file; `chunks` may be asked for again. */
export interface FileContent {
  /** Of the bytes; what comes out of `chunks` is checked against it. */
  readonly sha256: string;
  readonly size: number;
  readonly chunks: () => AsyncIterable<Uint8Array>;
}

/** A file as it lies in the library; `path` is relative to the root, `/` between segments. */
export interface PlacedFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

/** Codes with which file systems without hard links refuse `link`. */
const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** The library's folder. A file in it is whole, durable, and never overwritten. */
export class LibraryFolder {
  readonly #root: string;
  readonly #staging: StagingFolder;
  readonly #durable = new Set<string>();
  #opening: Promise<void> | undefined;

  /** @param dir made when missing */
  constructor(dir: string) {
    this.#root = path.resolve(dir);
    this.#staging = new StagingFolder(path.join(this.#root, '.incoming'));
  }

  /** Makes the folder and clears what an ended process left half written; tried again at the next use when it fails. */
  async open(): Promise<void> {
    this.#opening ??= onDisk('Opening the library', () => this.#staging.prepare());
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined;
      throw error;
    }
  }

  /** For readiness. @throws ProblemError `storage-failed` when files cannot be written there */
  async check(): Promise<void> {
    await this.open();
    await onDisk('Writing to the library', () => access(this.#root, constants.W_OK | constants.X_OK));
  }

  /**
   * The place of a file in the file system.
   * @throws ProblemError `internal` for a path that leads out of the library
   */
  absolute(relative: string): string {
    const absolute = path.resolve(this.#root, relative);
    if (!absolute.startsWith(this.#root + path.sep))
      throw new ProblemError('internal', `${relative} leads out of the library`);
    return absolute;
  }

  /**
   * Files the content under this path and returns when it is durable. A file with the same content is left as it is; one
   * with other content keeps its name, and ours goes beside it.
   * @throws ProblemError `storage-failed` (disk full, no permission…), `blob-corrupt` (the chunks are not what `sha256`
   *   says), whatever `chunks` throws; nothing half written is left behind
   */
  async place(wanted: string, content: FileContent): Promise<PlacedFile> {
    await this.open();
    for (const relative of [wanted, besideOccupied(wanted, content.sha256)]) {
      if (await this.#holds(relative, content)) return { path: relative, sha256: content.sha256, size: content.size };
    }
    throw new ProblemError('storage-failed', `${wanted} and the name beside it hold other files`);
  }

  /** Makes sure that the path holds the content; false when it holds something else. */
  async #holds(relative: string, content: FileContent): Promise<boolean> {
    const file = this.absolute(relative);
    let found = await look(file, content);
    if (found === 'nothing') {
      await this.#write(file, content);
      // Looked at again: another instance, or a repeat of this one, may have been there first.
      found = await look(file, content);
    }
    // Flushed here and not by whoever wrote it: they may have died before.
    if (found === 'same') await onDisk('Flushing a folder', () => this.#flush(path.dirname(file)));
    return found === 'same';
  }

  async #write(file: string, content: FileContent): Promise<void> {
    const staged = this.#staging.newFile();
    try {
      await this.#stage(staged, content);
      await onDisk('Filing an output', async () => {
        await mkdir(path.dirname(file), { recursive: true });
        await publish(staged, file);
      });
    } finally {
      await rm(staged, { force: true }).catch(() => undefined); // the first error is the one that tells why
    }
  }

  async #stage(staged: string, content: FileContent): Promise<void> {
    const hash = createHash('sha256');
    let size = 0;
    await onDisk('Writing to the library', async () => {
      const handle = await open(staged, 'wx');
      try {
        for await (const chunk of content.chunks()) {
          hash.update(chunk);
          size += chunk.byteLength;
          await handle.writeFile(chunk);
        }
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
    if (hash.digest('hex') !== content.sha256 || size !== content.size) {
      throw new ProblemError(
        'blob-corrupt',
        `What was read of ${content.sha256} is not the content of that name and size`,
      );
    }
  }

  /** A folder entry survives a power cut once the folder is flushed, and a new folder once its parent is. */
  async #flush(folder: string): Promise<void> {
    await flushFolder(folder);
    for (let at = folder; at !== this.#root && !this.#durable.has(at); at = path.dirname(at)) {
      await flushFolder(path.dirname(at));
      this.#durable.add(at);
    }
  }
}

/** What lies at the path. */
async function look(file: string, content: FileContent): Promise<'nothing' | 'same' | 'other'> {
  return onDisk('Looking into the library', async () => {
    const stats = await lstat(file).catch((error: unknown) => {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (stats === undefined) return 'nothing';
    if (!stats.isFile() || stats.size !== content.size) return 'other';
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
    return hash.digest('hex') === content.sha256 ? 'same' : 'other';
  });
}

/** Gives the staged file its name in one step, unless the name is taken. */
async function publish(staged: string, file: string): Promise<void> {
  try {
    await link(staged, file); // unlike rename, it never replaces what is there
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'EEXIST') return;
    if (!NO_LINKS.has(code)) throw error;
    await rename(staged, file);
  }
}
