import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

/** A model file as it is now. */
export interface ModelFileState {
  /** Where it really is. */
  readonly path: string;
  readonly size: number;
  readonly modifiedMs: number;
}

const DEEPEST = 8;
const MOST_FILES = 100_000;
/** A listing is read again after this, or when a name is not in it. */
const LISTING_MS = 60_000;
const LOOK_AGAIN_MS = 5_000;

/** Paths below the folder with `/`, by their last part. */
type Listing = ReadonlyMap<string, readonly string[]>;

/** Finds model files below one folder by the names that graphs have for them. */
export class ModelFiles {
  readonly #folder: string;
  #listing: Promise<Listing> | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The files that a name may mean: `x.safetensors` in any sub-folder, `a/x.safetensors` in any sub-folder `a`. Links are followed only
   * as far as they stay below the folder.
   * @throws what the file system says when the folder cannot be read
   */
  async find(name: string): Promise<readonly ModelFileState[]> {
    // Windows servers write sub-folders with a backslash.
    const wanted = name.replaceAll('\\', '/');
    if (wanted === '' || wanted.split('/').includes('..')) return [];
    let candidates = matches(await this.#list(LISTING_MS), wanted);
    if (candidates.length === 0) candidates = matches(await this.#list(LOOK_AGAIN_MS), wanted);
    const states = await Promise.all(candidates.map((candidate) => this.#stateOf(candidate)));
    const found = states.filter((state) => state !== undefined);
    // One file under two names is one.
    return found.filter((state, index) => found.findIndex((other) => other.path === state.path) === index);
  }

  #list(maxAgeMs: number): Promise<Listing> {
    const now = performance.now();
    if (this.#listing === undefined || now - this.#readAtMs > maxAgeMs) {
      this.#readAtMs = now;
      const reading = listFiles(this.#folder);
      this.#listing = reading;
      reading.catch(() => {
        if (this.#listing === reading) this.#listing = undefined;
      });
    }
    return this.#listing;
  }

  async #stateOf(relative: string): Promise<ModelFileState | undefined> {
    try {
      const [root, real] = await Promise.all([realpath(this.#folder), realpath(path.join(this.#folder, relative))]);
      if (!real.startsWith(root + path.sep)) return undefined;
      const stats = await stat(real);
      return stats.isFile() ? { path: real, size: stats.size, modifiedMs: stats.mtimeMs } : undefined;
    } catch {
      // Gone since it was listed.
      return undefined;
    }
  }
}

function matches(byBase: Listing, wanted: string): readonly string[] {
  const named = byBase.get(path.posix.basename(wanted)) ?? [];
  return named.filter((relative) => relative === wanted || relative.endsWith(`/${wanted}`));
}

/** Folders behind links are not gone into; files behind links are looked at when they are asked for. */
async function listFiles(root: string): Promise<Listing> {
  const byBase = new Map<string, string[]>();
  let count = 0;
  const walk = async (below: string, depth: number): Promise<void> => {
    for (const entry of await readdir(path.join(root, below), { withFileTypes: true })) {
      const relative = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) {
        // A folder that may not be read hides only what is in it.
        if (depth < DEEPEST) await walk(relative, depth + 1).catch(() => undefined);
      } else if (count < MOST_FILES) {
        count += 1;
        byBase.set(entry.name, [...(byBase.get(entry.name) ?? []), relative]);
      }
    }
  };
  await walk('', 1);
  return byBase;
}
