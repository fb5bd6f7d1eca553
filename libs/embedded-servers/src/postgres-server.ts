import { rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { EmbeddedServerError } from './embedded-server-error.js';
import { freePort } from './free-port.js';
import { startManagedProcess, type ManagedProcess, type ServerExit } from './managed-process.js';
import { removeOwnerFile, takeOverOrphan, writeOwnerFile } from './owner-file.js';
import { pollUntil } from './poll.js';
import { findPostgresBinaries } from './postgres-binaries.js';
import { initialiseCluster, postgresEnvironment, postmasterStatus, removeStalePidFile } from './postgres-cluster.js';
import { prepareDataFolder } from './postgres-data-folder.js';
import { idsOf, postgresOsUser } from './postgres-os-user.js';

export interface PostgresServerOptions {
  /** Kept when given; without it a temporary folder that `stop()` removes. As root see `dataDir` of the result. */
  readonly dataDir?: string;
  /** 0 (default): a free one, kept over `restart()`. */
  readonly port?: number;
  /** false switches fsync and the like off (tests): fast, and lost in a power cut, not in a crash of the server. Default true. */
  readonly durable?: boolean;
  readonly maxConnections?: number;
  /** How long crash recovery may take; default 60 s. */
  readonly startTimeoutMs?: number;
}

export interface PostgresServer extends AsyncDisposable {
  readonly port: number;
  /** Where the cluster really lies: `dataDir` of the options, or a folder that the server's OS user can reach. */
  readonly dataDir: string;
  /** Of the current process; changes with `restart()`. */
  readonly pid: number;
  /** Settles when the current process ends, also unasked. */
  readonly exited: Promise<ServerExit>;
  /** Connection URL of a database as superuser, password included; default database `postgres`. */
  url(database?: string): string;
  /** `CREATE DATABASE`, a copy of `template` if given. Fails when it exists. */
  createDatabase(name: string, template?: string): Promise<void>;
  /** `DROP DATABASE IF EXISTS`, ending the connections to it. */
  dropDatabase(name: string): Promise<void>;
  /** Fast shutdown (SIGINT) and wait; a temporary data folder is removed. */
  stop(): Promise<void>;
  /** SIGKILL and wait; the data stays for `restart()`. */
  kill(): Promise<void>;
  /** Stops the process if it still runs, then starts it on the same port and data. */
  restart(): Promise<void>;
}

/**
 * Starts one PostgreSQL 18 on 127.0.0.1 (no Unix socket, scram-sha-256 with a generated password), making the cluster
 * if needed (0.6 s). Survives `kill -9` of the server and of its launcher: a stale postmaster.pid is removed, an orphan
 * of a dead launcher is stopped first.
 *
 * @throws EmbeddedServerError with the end of the server's log where it says why.
 */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const durable = options.durable ?? true;
  const user = postgresOsUser();
  const binaries = await findPostgresBinaries(user);
  const folder = prepareDataFolder(options.dataDir, user);
  const ownerFile = path.join(folder.outer, 'owner.json');
  let port = options.port ?? 0;

  async function launchOnce(): Promise<ManagedProcess> {
    const server = await startManagedProcess({
      command: binaries.postgres,
      args: ['-D', folder.pgdata, '-p', String(port), ...settings(durable, options.maxConnections ?? 100)],
      deathSignal: 'INT', // fast shutdown
      logFile: path.join(folder.outer, 'postgres.log'),
      cwd: '/',
      env: postgresEnvironment(),
      osUser: idsOf(user),
    });
    writeOwnerFile(ownerFile, server.pid);
    const timeoutMs = options.startTimeoutMs ?? 60_000;
    const outcome = await pollUntil<'ready' | 'exited'>(
      () => {
        if (!server.running) return 'exited';
        const status = postmasterStatus(folder.pgdata);
        return status?.ready === true && status.pid === server.pid ? 'ready' : undefined;
      },
      { timeoutMs },
    );
    if (outcome === 'ready') return server;
    await server.stop('SIGQUIT', 2_000);
    removeOwnerFile(ownerFile);
    throw outcome === 'exited'
      ? new EmbeddedServerError('start-failed', `PostgreSQL ended while starting:\n${server.logTail()}`)
      : new EmbeddedServerError(
          'start-timeout',
          `PostgreSQL was not ready after ${timeoutMs} ms:\n${server.logTail()}`,
        );
  }

  async function launch(): Promise<ManagedProcess> {
    const wanted = port;
    for (let attempt = 1; ; attempt += 1) {
      removeStalePidFile(folder.pgdata);
      if (wanted === 0) port = await freePort();
      try {
        return await launchOnce();
      } catch (error) {
        // Another process may take the port first, and after kill -9 the old backends hold shared memory for a moment.
        const passing =
          error instanceof Error && /Address already in use|could not bind|shared memory block/.test(error.message);
        if (!passing || attempt >= 20) throw error;
        await pollUntil(() => undefined, { timeoutMs: 100, intervalMs: 100 });
      }
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    await current.stop(signal, 20_000);
    removeOwnerFile(ownerFile);
  }

  function cleanUp(): void {
    if (folder.temporary) rmSync(folder.outer, { recursive: true, force: true });
  }

  let password: string;
  let current: ManagedProcess;
  try {
    await takeOverOrphan(ownerFile, 'A PostgreSQL', 'SIGINT');
    password = await initialiseCluster(binaries, folder, user, durable);
    current = await launch();
  } catch (error) {
    cleanUp();
    throw error;
  }
  const url = (database = 'postgres'): string =>
    `postgresql://postgres:${password}@127.0.0.1:${port}/${encodeURIComponent(database)}`;
  const stop = async (): Promise<void> => {
    await end('SIGINT');
    cleanUp();
  };
  return {
    port,
    dataDir: folder.outer,
    get pid() {
      return current.pid;
    },
    get exited() {
      return current.exited;
    },
    url,
    createDatabase: (name, template) =>
      execute(
        url(),
        `CREATE DATABASE ${identifier(name)}${template === undefined ? '' : ` TEMPLATE ${identifier(template)}`}`,
      ),
    dropDatabase: (name) => execute(url(), `DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`),
    stop,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await end('SIGINT');
      current = await launch();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function settings(durable: boolean, maxConnections: number): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: String(maxConnections),
    shared_buffers: '64MB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    // POSIX shared memory needs a large /dev/shm, which containers (64 MB) do not have.
    dynamic_shared_memory_type: 'mmap',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  // The server may be killed while the connection closes; the query's own error is what counts.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
