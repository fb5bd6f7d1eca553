import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '@anime/contracts';
import {
  nodeOptionsOf,
  startNatsServer,
  startPostgres,
  type NatsServer,
  type PostgresServer,
} from '@anime/embedded-servers';
import { provision } from '@anime/event-store';
import { spawnService, type ServiceProcess } from '@anime/testing/processes';
import pg from 'pg';
import { newProfile, noteStart, profileArgs } from './profile.js';
import type { BenchContext } from './row.js';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

export interface StudioOptions {
  /** `sync_interval: always`, as in production. Default true. */
  readonly syncAlways?: boolean;
  readonly postgres?: boolean;
  /** How many simulated ComfyUI servers, whose sampling takes no time; default none. */
  readonly simulators?: number;
}

/** Real servers, provisioned, and services as processes of their own: each row has a studio to itself. */
export class BenchStudio implements AsyncDisposable {
  readonly #made = new AsyncDisposableStack();
  readonly simulators: string[] = [];
  #nats: NatsServer | undefined;
  #postgres: PostgresServer | undefined;

  private constructor(readonly context: BenchContext) {}

  static async start(context: BenchContext, options: StudioOptions = {}): Promise<BenchStudio> {
    const studio = new BenchStudio(context);
    try {
      await studio.#start(options);
      return studio;
    } catch (error) {
      await studio[Symbol.asyncDispose]();
      throw error;
    }
  }

  get nats(): NatsServer {
    if (this.#nats === undefined) throw new Error('no nats-server runs');
    return this.#nats;
  }

  get postgres(): PostgresServer {
    if (this.#postgres === undefined) throw new Error('this row has no PostgreSQL');
    return this.#postgres;
  }

  /** Starts one service and waits until it is ready. */
  service(name: ServiceName, until: 'ready' | 'listening' = 'ready'): Promise<ServiceProcess> {
    const { dir } = this.context;
    return this.program(name, path.join(ROOT, 'services', name, 'dist', 'main.js'), {
      until,
      env: {
        ...nodeOptionsOf(name),
        NATS_URL: this.nats.url,
        DATABASE_URL: this.#postgres?.url() ?? 'postgresql://127.0.0.1:1/none',
        NATS_SYNCED: '1',
        ANIME_BLOBS_DIR: path.join(dir, 'blobs'),
        ANIME_LIBRARY_DIR: path.join(dir, 'library'),
        // Both are at work, and neither is what bounds a figure.
        ANIME_QUEUE_LIMIT: '100000000',
        ANIME_RATE_LIMIT: '100000000',
        COMFYUI_URLS: this.simulators.join(','),
      },
    });
  }

  /** Starts any program that says `{"url":…}` when it listens; it is ended with the studio. */
  async program(
    name: string,
    entry: string,
    options: {
      readonly env?: Readonly<Record<string, string>>;
      readonly args?: readonly string[];
      readonly until?: 'ready' | 'listening';
    } = {},
  ): Promise<ServiceProcess> {
    const { dir, profiles } = this.context;
    const profile = profiles && (await newProfile(profiles, name));
    const began = performance.now();
    const process = await spawnService({
      name,
      entry,
      cwd: dir,
      args: options.args ?? [],
      nodeArgs: profile === undefined ? [] : profileArgs(profile),
      env: options.env ?? {},
      until: options.until ?? 'listening',
    });
    this.#made.defer(async () => void (await process.stop()));
    if (profile !== undefined) await noteStart(profile, performance.now() - began);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#made.disposeAsync();
  }

  async #start({ syncAlways = true, postgres = false, simulators = 0 }: StudioOptions): Promise<void> {
    const { context } = this;
    this.#nats = this.#made.use(await startNatsServer({ syncAlways }));
    context.uses('natsServer', this.nats.version);
    if (postgres) {
      const server = await startPostgres();
      this.#postgres = server;
      this.#made.defer(() => server.stop());
      context.uses('postgres', await versionOf(server));
    }
    await provision({ natsUrl: this.nats.url });
    for (let n = 1; n <= simulators; n += 1) {
      const folder = path.join(context.dir, `comfyui-${n}`);
      const args = ['--port', '0', '--data-dir', folder, '--step-delay', '0'];
      const entry = path.join(ROOT, 'libs', 'comfyui-simulator', 'dist', 'main.js');
      this.simulators.push((await this.program(`comfyui-simulator-${n}`, entry, { args })).url);
    }
  }
}

async function versionOf(server: PostgresServer): Promise<string> {
  const client = new pg.Client({ connectionString: server.url() });
  await client.connect();
  try {
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return rows[0]?.server_version ?? 'unknown';
  } finally {
    await client.end();
  }
}
