import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, flushFolder, onDisk, storageFailed } from '@anime/blob-store/disk';
import { Uuid, type Sealed } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import { decrypt, encrypt } from './cipher.js';
import { newKey, readKey, writeKey, type SubjectKey } from './key-file.js';
import { MAX_SEALED_BYTES, type SubjectKeys } from './subject-keys.js';

const UNFINISHED = '.new';
/** A key that has been in the making for this long is taken to be of a process that has died. */
const STALE_AFTER_MS = 60 * 60 * 1000;

/**
 * Keys as files `<dir>/<subject>.key`, which only their owner may read; the gateways of one studio share the folder.
 * A key is read anew each time, so that one whose file was removed is gone at once. A file that is damaged stays as it is:
 * a new key in its place would make what the old one sealed unreadable for ever.
 */
export class FileSubjectKeys implements SubjectKeys {
  readonly #dir: string;
  #opening: Promise<void> | undefined;

  /** @param dir made when missing, at the first text that is sealed; outside data folders and their backups */
  constructor(dir: string) {
    this.#dir = path.resolve(dir);
  }

  async seal(subject: string, text: string): Promise<Sealed> {
    if (!text.isWellFormed()) throw invalid('the text holds half of a surrogate pair');
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_SEALED_BYTES)
      throw invalid(`the text has ${bytes} bytes in UTF-8; at most ${MAX_SEALED_BYTES} can be sealed`);
    const file = this.#fileOf(subject);
    await this.#open();
    try {
      const key = (await this.#read(subject)) ?? (await this.#make(subject, file));
      // Whoever made it may not have flushed the folder yet, and what is sealed now may be stored at once.
      await onDisk('Flushing the folder of keys', () => flushFolder(this.#dir));
      return encrypt(key, text);
    } catch (error) {
      this.#opening = undefined; // the folder may have been taken away from under us: look again at the next text
      throw error;
    }
  }

  async open(sealed: Sealed): Promise<string | undefined> {
    const { subject, keyVersion } = sealed;
    const key = await this.#read(subject);
    if (key === undefined) {
      await this.#requireFolder();
      return undefined;
    }
    if (key.version !== keyVersion) return undefined;
    const text = decrypt(key, sealed);
    if (text === undefined)
      throw new ProblemError('seal-broken', `a text sealed for subject ${subject} was changed, or sealed elsewhere`);
    return text;
  }

  /** The subject's key; undefined when there is none. */
  async #read(subject: string): Promise<SubjectKey | undefined> {
    const file = this.#fileOf(subject);
    let content: string;
    try {
      content = await readFile(file, 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw storageFailed(`Reading the key of subject ${subject}`, error);
    }
    const key = readKey(content, subject);
    if (key === undefined) {
      const wayOut = `restore ${subject}.key in ANIME_KEYS_DIR from its backup`;
      throw new ProblemError('key-damaged', `the key of subject ${subject} is damaged: ${wayOut}`);
    }
    return key;
  }

  /**
   * Makes the subject's key, or takes the one that another process has made meanwhile: `link` never replaces a file, so
   * that the first stays and there is one key.
   */
  async #make(subject: string, file: string): Promise<SubjectKey> {
    const doing = `Making the key of subject ${subject}`;
    const made = newKey(subject);
    const temporary = path.join(this.#dir, `${subject}.${randomUUID()}${UNFINISHED}`);
    try {
      const handle = await onDisk(doing, () => open(temporary, 'wx', 0o600));
      try {
        await onDisk(doing, () => handle.writeFile(writeKey(made)));
        await onDisk(doing, () => handle.sync());
      } finally {
        await handle.close();
      }
      await link(temporary, file);
      return made;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw errnoOf(error) === undefined ? error : storageFailed(doing, error);
    } finally {
      await rm(temporary, { force: true }).catch(() => undefined); // the first error is the one that tells why
    }
    const others = await this.#read(subject);
    if (others === undefined)
      throw new ProblemError('storage-failed', `the key of subject ${subject} was removed while it was made`);
    return others;
  }

  /** The name comes from events: nothing but an id may become a path. */
  #fileOf(subject: string): string {
    if (!Uuid.safeParse(subject).success) throw invalid(`${JSON.stringify(subject)} is not the id of a subject`);
    return path.join(this.#dir, `${subject}.key`);
  }

  /** Without the folder every key would look erased: one that cannot be reached is another thing. */
  async #requireFolder(): Promise<void> {
    await onDisk('Looking for the folder of keys', () => stat(this.#dir));
  }

  async #open(): Promise<void> {
    this.#opening ??= onDisk('Opening the folder of keys', () => this.#prepare());
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = undefined; // the disk may be there at the next try
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const first = await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    // A folder's entry is in its parent.
    for (let made = this.#dir; first !== undefined; made = path.dirname(made)) {
      await flushFolder(path.dirname(made));
      if (made === first) break;
    }
    const stale = Date.now() - STALE_AFTER_MS;
    for (const name of await readdir(this.#dir)) {
      if (!name.endsWith(UNFINISHED)) continue;
      const file = path.join(this.#dir, name);
      const modified = await stat(file).then(
        (found) => found.mtimeMs,
        () => Number.POSITIVE_INFINITY, // another process has just finished with it
      );
      // A copy of a key that nobody knows of would outlive its erasure.
      if (modified < stale) await rm(file, { force: true }).catch(() => undefined);
    }
  }
}

function invalid(message: string): ProblemError {
  return new ProblemError('validation-failed', message);
}
