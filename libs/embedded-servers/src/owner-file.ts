import { readFileSync, writeFileSync, rmSync } from 'node:fs';
import { EmbeddedServerError } from './embedded-server-error.js';
import { pollUntil } from './poll.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Who runs a server on a data folder: the server itself and the process that started it. */
interface Ownership {
  readonly server: ProcessIdentity;
  readonly launcher: ProcessIdentity;
}

export function writeOwnerFile(file: string, serverPid: number): void {
  const ownership: Ownership = { server: identify(serverPid), launcher: identify(process.pid) };
  writeFileSync(file, JSON.stringify(ownership), { mode: 0o600 });
}

export function removeOwnerFile(file: string): void {
  rmSync(file, { force: true });
}

/**
 * Makes sure that nobody else runs a server on this data folder. A server whose launcher is gone is an orphan: it is
 * stopped with `stopSignal` (SIGKILL after 10 s). One whose launcher still runs is left alone.
 *
 * @throws EmbeddedServerError `data-in-use` when the launcher of the running server is alive.
 */
export async function takeOverOrphan(file: string, what: string, stopSignal: NodeJS.Signals): Promise<void> {
  const ownership = readOwnership(file);
  if (ownership === undefined || !isAlive(ownership.server)) return;
  const { server, launcher } = ownership;
  if (isAlive(launcher)) {
    throw new EmbeddedServerError(
      'data-in-use',
      `${what} runs already on this data folder (process ${server.pid}, started by process ${launcher.pid}).`,
    );
  }
  const gone = (): true | undefined => (isAlive(server) ? undefined : true);
  signalQuietly(server.pid, stopSignal);
  if ((await pollUntil(gone, { timeoutMs: 10_000, intervalMs: 20 })) === undefined) {
    signalQuietly(server.pid, 'SIGKILL');
    await pollUntil(gone, { timeoutMs: 5_000, intervalMs: 20 });
  }
}

/** Whether the server that the owner file names still runs, whoever started it. */
export function isOwned(file: string): boolean {
  const ownership = readOwnership(file);
  return ownership !== undefined && isAlive(ownership.server);
}

function readOwnership(file: string): Ownership | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isOwnership(value) ? value : undefined;
  } catch {
    // No file, or one that a crash cut short: then nobody can be named, and the server's own locks must decide.
    return undefined;
  }
}

function isOwnership(value: unknown): value is Ownership {
  return (
    typeof value === 'object' &&
    value !== null &&
    'server' in value &&
    isIdentity(value.server) &&
    'launcher' in value &&
    isIdentity(value.launcher)
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  return (
    typeof value === 'object' &&
    value !== null &&
    'pid' in value &&
    typeof value.pid === 'number' &&
    'startTicks' in value &&
    (value.startTicks === null || typeof value.startTicks === 'string')
  );
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in between, which is what was wanted.
  }
}
