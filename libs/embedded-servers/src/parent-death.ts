import { execFileSync } from 'node:child_process';

let available: boolean | undefined;

/**
 * Wraps a command so that the kernel sends it `signal` when the process that started it dies, even by `kill -9`.
 *
 * Node cannot call prctl(PR_SET_PDEATHSIG) itself; util-linux's `setpriv --pdeathsig` sets it and then becomes the
 * command (same pid). Where that tool is missing (macOS, busybox) the command is returned unchanged, and a start after a
 * killed launcher finds the survivor through its owner file (see owner-file.ts). The signal belongs to the *thread*
 * that forked: start long-lived servers from the main thread, not from a worker thread.
 */
export function withParentDeath(
  signal: 'TERM' | 'INT' | 'QUIT' | 'KILL',
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  available ??= probe();
  return available
    ? { command: 'setpriv', args: ['--pdeathsig', signal, '--', command, ...args] }
    : { command, args: [...args] };
}

function probe(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    execFileSync('setpriv', ['--pdeathsig', 'TERM', '--', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
