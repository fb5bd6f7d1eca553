import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identify, isAlive, type ProcessIdentity } from '@anime/embedded-servers';

interface LockFile {
  readonly launcher: ProcessIdentity;
  /** Where the gateway listens, once it does. */
  readonly gateway: string | null;
}

/** Says that a stack runs in this folder already. */
export class StackRunningError extends Error {
  constructor(pid: number, gateway: string | null) {
    super(
      `A stack runs in this folder already (process ${pid}${gateway === null ? '' : `, ${gateway}`}). ` +
        'Nothing was touched. Stop that one with Ctrl-C first, or use it.',
    );
  }
}

/** The right to run the stack of one folder; of a launcher that was killed it is taken over. */
export class StackLock {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  /** @throws StackRunningError when another launcher is alive */
  static take(dataDir: string): StackLock {
    mkdirSync(dataDir, { recursive: true });
    const file = path.join(dataDir, 'stack.json');
    const lock = new StackLock(file);
    for (;;) {
      if (createWhole(file, lock.#content(null))) return lock;
      const holder = readLock(file);
      if (holder !== undefined && isAlive(holder.launcher))
        throw new StackRunningError(holder.launcher.pid, holder.gateway);
      // Its launcher is gone. Moving the file away first lets only one of two starters win.
      const stale = `${file}.stale-${process.pid}`;
      try {
        renameSync(file, stale);
      } catch {
        continue; // The other starter was faster.
      }
      rmSync(stale, { force: true });
    }
  }

  /** Tells later starters where the gateway is. */
  announce(gateway: string): void {
    writeFileSync(this.#file, this.#content(gateway));
  }

  release(): void {
    rmSync(this.#file, { force: true });
  }

  #content(gateway: string | null): string {
    const content: LockFile = { launcher: identify(process.pid), gateway };
    return `${JSON.stringify(content)}\n`;
  }
}

/** Creates a file with its content in one step, so that nobody sees it half written; false when it is there already. */
function createWhole(file: string, content: string): boolean {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, content);
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readLock(file: string): LockFile | undefined {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<LockFile>;
    return typeof value.launcher?.pid === 'number'
      ? { launcher: value.launcher, gateway: value.gateway ?? null }
      : undefined;
  } catch {
    // A launcher died while it wrote: nobody holds it.
    return undefined;
  }
}
