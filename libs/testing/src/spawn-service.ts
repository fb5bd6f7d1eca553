import { spawn, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { withParentDeath, type ServerExit } from '@anime/embedded-servers';
import { eventually } from './eventually.js';
import { OutputRecorder, type JsonLine } from './output-recorder.js';

export interface SpawnServiceOptions {
  /** The built entry, for example `<root>/services/gateway/dist/main.js`. */
  readonly entry: string;
  readonly args?: readonly string[];
  /** Options of Node itself, before the entry. */
  readonly nodeArgs?: readonly string[];
  /** Added to this process's environment; undefined removes a variable. `PORT=0` is set unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** For messages; default: the folder above `dist`. */
  readonly name?: string;
  /**
   * When it counts as started. `ready` (default): a JSON line on stdout has told its address (a string `url`, or a number
   * `port`) and GET /ready there answers 200. `listening`: the same without asking /ready. A function: the first JSON line it accepts.
   */
  readonly until?: 'ready' | 'listening' | ((line: JsonLine) => boolean);
  /** Default 60 s. */
  readonly timeoutMs?: number;
}

export interface ServiceProcess extends AsyncDisposable {
  readonly name: string;
  /** Of the current process; both change with `restart()` when PORT is 0. */
  readonly pid: number;
  readonly url: string;
  readonly exited: Promise<ServerExit>;
  /** What it wrote last, stdout and stderr in order of arrival (at most 500 lines). */
  output(): string;
  /** The JSON lines of stdout since the current start (at most 5000). */
  lines(): readonly JsonLine[];
  /** Sends the signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<ServerExit>;
  /** SIGTERM, after 15 s SIGKILL. */
  stop(): Promise<ServerExit>;
  /** Starts it again with the same environment, ending it first (SIGTERM) if it still runs. */
  restart(): Promise<void>;
}

/**
 * Starts one service as a process of its own, the way it runs in production, and waits until it is up. It dies with
 * this process.
 *
 * @throws Error with the last output when it ends or is not up in time.
 */
export async function spawnService(options: SpawnServiceOptions): Promise<ServiceProcess> {
  const name = options.name ?? path.basename(path.dirname(path.dirname(options.entry)));
  let current = launch(options, name);
  await current.up();
  const end = async (): Promise<ServerExit> => {
    current.child.kill('SIGTERM');
    const timer = setTimeout(() => current.child.kill('SIGKILL'), 15_000);
    try {
      return await current.exited;
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    name,
    get pid() {
      return current.pid;
    },
    get url() {
      const { url } = current.recorder;
      if (url === undefined) throw new Error(`${name} has not told its address:\n${current.recorder.text()}`);
      return url;
    },
    get exited() {
      return current.exited;
    },
    output: () => current.recorder.text(),
    lines: () => current.recorder.lines,
    kill: (signal = 'SIGKILL') => {
      current.child.kill(signal);
      return current.exited;
    },
    stop: end,
    restart: async () => {
      await end();
      current = launch(options, name);
      await current.up();
    },
    [Symbol.asyncDispose]: async () => void (await end()),
  };
}

interface Launched {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly recorder: OutputRecorder;
  readonly exited: Promise<ServerExit>;
  up(): Promise<void>;
}

function launch(options: SpawnServiceOptions, name: string): Launched {
  const recorder = new OutputRecorder();
  const call = [...(options.nodeArgs ?? []), options.entry, ...(options.args ?? [])];
  const { command, args } = withParentDeath('KILL', process.execPath, call);
  const child = spawn(command, args, {
    env: environment(options.env ?? {}),
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  child.stdout.on('data', (chunk: Buffer) => recorder.stdout(chunk));
  child.stderr.on('data', (chunk: Buffer) => recorder.stderr(chunk));
  let exit: ServerExit | undefined;
  const exited = new Promise<ServerExit>((resolve) => {
    child.once('error', (error) => {
      recorder.stderr(Buffer.from(`${error.message}\n`));
      resolve((exit = { code: null, signal: null }));
    });
    child.once('close', (code, signal) => resolve((exit = { code, signal })));
  });
  const timeoutMs = options.timeoutMs ?? 60_000;
  return {
    child,
    pid: child.pid ?? -1,
    recorder,
    exited,
    up: async () => {
      try {
        const outcome = await eventually(
          async () => (exit === undefined ? (await isUp(recorder, options.until ?? 'ready')) && 'up' : 'ended'),
          { what: `${name} is up`, timeoutMs, intervalMs: 25 },
        );
        if (outcome === 'ended') throw new Error(`${name} ended while starting (${JSON.stringify(exit)})`);
      } catch (cause) {
        child.kill('SIGKILL');
        await exited;
        throw new Error(`${cause instanceof Error ? cause.message : String(cause)}; its output:\n${recorder.text()}`, {
          cause,
        });
      }
    },
  };
}

async function isUp(recorder: OutputRecorder, until: NonNullable<SpawnServiceOptions['until']>): Promise<boolean> {
  if (typeof until === 'function') return recorder.lines.some(until);
  if (recorder.url === undefined) return false;
  if (until === 'listening') return true;
  const response = await fetch(new URL('/ready', recorder.url));
  const body = await response.text();
  if (!response.ok) throw new Error(`/ready answers ${response.status}: ${body.slice(0, 500)}`);
  return true;
}

/** Jest's own variables and Node options are not the service's. */
function environment(added: Readonly<Record<string, string | undefined>>): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, NODE_ENV: 'production', PORT: '0', ...added };
  for (const name of ['NODE_OPTIONS', 'JEST_WORKER_ID']) if (!(name in added)) delete env[name];
  for (const [name, value] of Object.entries(added)) if (value === undefined) delete env[name];
  return env;
}
