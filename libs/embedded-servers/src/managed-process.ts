import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { withParentDeath } from './parent-death.js';

/** How a server process ended. */
export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ManagedProcess {
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<ServerExit>;
  readonly running: boolean;
  /** The last lines of what the process wrote, for error messages. */
  logTail(): string;
  /** Sends `signal`, waits `graceMs`, then SIGKILL; settles when the process is gone. */
  stop(signal: NodeJS.Signals, graceMs: number): Promise<ServerExit>;
}

export interface ManagedProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** What the kernel sends the process when this one dies. */
  readonly deathSignal: 'TERM' | 'INT' | 'QUIT' | 'KILL';
  /** Truncated at every start. A file and not a pipe: a server must not fail because its reader died. */
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly osUser?: { readonly uid?: number; readonly gid?: number };
}

/**
 * Starts a server in its own session, so that Ctrl-C in the terminal reaches only the launcher, which then stops things
 * in order. The handle does not keep this process alive.
 */
export async function startManagedProcess(options: ManagedProcessOptions): Promise<ManagedProcess> {
  const log = openSync(options.logFile, 'w', 0o600);
  const { command, args } = withParentDeath(options.deathSignal, options.command, options.args);
  const child = spawn(command, args, {
    stdio: ['ignore', log, log],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...options.osUser,
  });
  closeSync(log);
  let exit: ServerExit | undefined;
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => resolve((exit = { code, signal })));
  });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  // A failing kill() emits 'error' later on; without a listener that would end this process.
  child.on('error', () => undefined);
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw new Error(`${options.command} started without a process id`);
  return {
    pid,
    exited,
    get running() {
      return exit === undefined;
    },
    logTail: () => tail(options.logFile),
    stop: async (signal, graceMs) => {
      if (exit !== undefined) return exit;
      child.ref();
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function tail(file: string, lines = 20): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
