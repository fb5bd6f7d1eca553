import { readFileSync } from 'node:fs';

/** Names one process and not a later one with the same number. `startTicks` is null where there is no /proc. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: string | null;
}

/** The identity of a running process (field 22 of /proc/PID/stat, see proc(5)). */
export function identify(pid: number): ProcessIdentity {
  return { pid, startTicks: statFields(pid)?.[19] ?? null };
}

/** Whether exactly that process still runs. A zombie does not count: it holds no files and no ports any more. */
export function isAlive(identity: ProcessIdentity): boolean {
  const fields = statFields(identity.pid);
  if (fields !== undefined) {
    const state = fields[0];
    return state !== 'Z' && state !== 'X' && (identity.startTicks === null || identity.startTicks === fields[19]);
  }
  if (process.platform === 'linux') return false;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    // By shape: under Jest the runtime's errors are not instances of the test's Error.
    return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EPERM';
  }
}

/** Fields 3 and later of /proc/PID/stat: the name in field 2 may hold blanks and brackets, so cut behind its last bracket. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
