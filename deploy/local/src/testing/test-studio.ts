import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ENDED_STATUSES, SERVICES, type EventContract, type ServiceName } from '@anime/contracts';
import type { Job } from '@anime/contracts/http';
import { startNatsServer, startPostgres, type NatsServer, type PostgresServer } from '@anime/embedded-servers';
import {
  executorIdOf,
  natsUrlFor,
  openLog,
  provision,
  PROVISION_USER,
  quoted,
  renderNatsUsers,
  studioRights,
  type JetStreamLog,
  type RecordedEvent,
  type UserRights,
} from '@anime/event-store';
import { createGatewayClient, unwrap, type GatewayClient } from '@anime/gateway-client';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { createTestDatabase, eventually, freePort, spawnService, type ServiceProcess } from '@anime/testing';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));
/** The test itself: reads the log, and plants in it what no service may. Whoever gives no login is this user. */
const TEST_USER: UserRights = { user: 'test', publish: ['>'], subscribe: ['>'] };
const REBUILD = path.join(ROOT, 'services/gateway/dist/rebuild.js');

export interface TestStudioOptions {
  /** Milliseconds of one sampling step of the simulator; default 15. */
  readonly stepDelayMs?: number;
  /** How many simulated ComfyUI servers; default 1. */
  readonly simulators?: number;
  /** More of the command line of each simulator, in order, e.g. its memory. */
  readonly simulatorArgs?: readonly (readonly string[])[];
  /** Names of executors that the test starts by itself, which need rights too. */
  readonly executors?: readonly string[];
  /** Which services to start; default all. */
  readonly services?: readonly ServiceName[];
  readonly env?: Readonly<Record<string, string>>;
  /** More of nats-server's configuration, e.g. its monitoring. */
  readonly natsConfig?: string;
  /** A PostgreSQL of its own, to be killed; else a database in the one of the whole run. */
  readonly ownPostgres?: boolean;
  /** Of the event log on disk; default as in a real studio. */
  readonly compression?: 's2' | 'none';
}

/** What is asked for otherwise than in a small picture of a lighthouse. */
export interface ImageWish {
  readonly prompt?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly width?: number;
  readonly height?: number;
  readonly project?: string;
  readonly checkpoint?: string;
  readonly sampler?: string;
  readonly limits?: { readonly maxAttempts?: number; readonly maxRunSeconds?: number };
}

interface Rebuilt {
  readonly rebuilt: string;
  readonly position: number;
  readonly sha256: string;
}

/** A whole studio of real processes for one test file: each can be killed and started again. */
export class TestStudio implements AsyncDisposable {
  readonly #made: (() => PromiseLike<unknown>)[] = [];
  readonly #services = new Map<ServiceName, ServiceProcess>();
  readonly #passwords = new Map<string, string>();
  #nats: NatsServer | undefined;
  #postgres: PostgresServer | undefined;
  #databaseUrl: string | undefined;
  readonly #simulators: ServiceProcess[] = [];
  #log: JetStreamLog | undefined;
  readonly answers = new AnswerCheck();
  /** All data; its own PostgreSQL's too, where that can be. */
  dir = '';

  static async start(options: TestStudioOptions = {}): Promise<TestStudio> {
    const studio = new TestStudio();
    try {
      await studio.#start(options);
      return studio;
    } catch (error) {
      await studio[Symbol.asyncDispose]();
      throw error;
    }
  }

  get nats(): NatsServer {
    return present(this.#nats);
  }

  /** NATS_URL of a service, or of `provision`: with its login, so that it may do what its user may. */
  natsUrl(user: ServiceName | typeof PROVISION_USER): string {
    return natsUrlFor(this.nats.url, user, this.#password(user));
  }

  /** Only with `ownPostgres`. */
  get postgres(): PostgresServer {
    return present(this.#postgres, 'a PostgreSQL of its own');
  }

  get databaseUrl(): string {
    return present(this.#databaseUrl);
  }

  get simulator(): ServiceProcess {
    return present(this.#simulators[0]);
  }

  /** All of them; the n-th is `comfyui-n`. */
  get simulators(): readonly ServiceProcess[] {
    return this.#simulators;
  }

  get log(): JetStreamLog {
    return present(this.#log);
  }

  /** Every answer that its client gets is checked against the OpenAPI document. */
  get client(): GatewayClient {
    return createGatewayClient(this.service('gateway').url, { fetch: this.answers.fetch });
  }

  get libraryDir(): string {
    return path.join(this.dir, 'library');
  }

  /** Outside of the data, as they must be. */
  get keysDir(): string {
    return `${this.dir}-keys`;
  }

  service(name: ServiceName): ServiceProcess {
    return present(this.#services.get(name), name);
  }

  /** Starts one more process of a service (a standby), or one that was left out. */
  async startService(
    name: ServiceName,
    env: Readonly<Record<string, string>> = {},
    until: 'ready' | 'listening' = 'ready',
  ): Promise<ServiceProcess> {
    const service = await spawnService({
      name,
      until,
      entry: path.join(ROOT, 'services', name, 'dist', 'main.js'),
      cwd: this.dir,
      env: {
        NATS_URL: this.natsUrl(name),
        DATABASE_URL: this.databaseUrl,
        NATS_SYNCED: '1',
        ANIME_BLOBS_DIR: path.join(this.dir, 'blobs'),
        ANIME_KEYS_DIR: this.keysDir,
        ANIME_LIBRARY_DIR: this.libraryDir,
        COMFYUI_URLS: this.#simulators.map(({ url }) => url).join(','),
        // Drawing a picture after each step makes the simulator slow; the test that is about them turns them on.
        ANIME_PREVIEWS: '0',
        ...env,
      },
    });
    this.#made.push(() => service.stop());
    return service;
  }

  /** Asks for a picture; returns the id of its job. */
  async requestImage(body: ImageWish = {}): Promise<string> {
    const answer = await unwrap(
      this.client.POST('/api/anime/generate/image', {
        body: { prompt: 'a lighthouse at dusk', width: 128, height: 128, ...body },
      }),
    );
    if (!('jobId' in answer)) throw new Error('the gateway answered with a whole job');
    return answer.jobId;
  }

  async job(jobId: string): Promise<Job> {
    return unwrap(this.client.GET('/api/anime/jobs/{id}', { params: { path: { id: jobId } } }));
  }

  /** Waits for the job's end in the log, then for the read-model to show it. */
  async ended(jobId: string, timeoutMs = 60_000): Promise<Job> {
    const end = await eventually(
      async () =>
        (await this.events(jobId)).find((event) => ENDED_STATUSES.some((status) => event.type === `job.${status}`)),
      { what: `job ${jobId} ends`, timeoutMs, intervalMs: 50 },
    );
    return eventually(
      async () => {
        const job = await this.job(jobId);
        return job.position >= end.position && job;
      },
      { what: `the read-model shows the end of job ${jobId}`, intervalMs: 50 },
    );
  }

  /** The valid events of a job, from the log itself. */
  async events(jobId: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const entry of this.log.readAggregate('job', jobId)) {
      if (entry.status === 'event') events.push(entry.event);
    }
    return events;
  }

  /** The types of a job's events in order, without `job.`. */
  async trail(jobId: string): Promise<string[]> {
    return (await this.events(jobId)).map((event) => event.type.replace(/^job\./, ''));
  }

  /** Waits until the job's trail holds an event of this contract. */
  async happened(jobId: string, contract: EventContract, timeoutMs = 30_000): Promise<RecordedEvent> {
    return eventually(async () => (await this.events(jobId)).find((event) => event.type === contract.type), {
      what: `${contract.type} of job ${jobId}`,
      timeoutMs,
      intervalMs: 20,
    });
  }

  /** How often the simulators began to execute each prompt. */
  async executions(): Promise<Record<string, number>> {
    const runs: Record<string, number> = {};
    for (const { url } of this.#simulators) {
      const { promptsExecuted } = (await (await fetch(`${url}/simulator/counters`)).json()) as {
        promptsExecuted: Record<string, number>;
      };
      for (const [promptId, times] of Object.entries(promptsExecuted)) runs[promptId] = (runs[promptId] ?? 0) + times;
    }
    return runs;
  }

  /**
   * Rebuilds the read-models from the log and compares each with the live one.
   * @throws when a row or a column differs
   */
  async rebuildAndCompare(): Promise<readonly Rebuilt[]> {
    const env = { ...process.env, NATS_URL: this.natsUrl('gateway'), DATABASE_URL: this.databaseUrl };
    const { stdout } = await promisify(execFile)(process.execPath, [REBUILD, '--check-parity'], { env });
    const lines = stdout.trim().split('\n');
    return lines.map((line) => JSON.parse(line) as Rebuilt);
  }

  /** Stops everything in order; what it wrote stays until it is disposed of. */
  async stop(): Promise<void> {
    for (let undo = this.#made.pop(); undo !== undefined; undo = this.#made.pop()) await undo();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.dir === '') return; // nothing was made
    for (const folder of [this.dir, this.keysDir]) await rm(folder, { recursive: true, force: true });
  }

  async #start(options: TestStudioOptions): Promise<void> {
    this.dir = await mkdtemp(path.join(tmpdir(), 'anime-studio-'));
    await chmod(this.dir, 0o711); // as root, PostgreSQL is another user's process
    const extraConfig = `${this.#users(options)}${options.natsConfig ?? ''}`;
    const nats = await startNatsServer({ syncAlways: false, extraConfig, dataDir: path.join(this.dir, 'nats') });
    this.#nats = nats;
    this.#made.push(() => nats.stop());
    await this.#startDatabase(options.ownPostgres === true);
    const { compression } = options;
    await provision({
      natsUrl: this.natsUrl(PROVISION_USER),
      ...(compression === undefined ? {} : { compression }),
    });
    this.#log = openLog({ natsUrl: nats.url, name: 'test' });
    this.#made.push(() => this.log.close());
    for (let n = 1; n <= (options.simulators ?? 1); n += 1)
      await this.#startSimulator(n, options.stepDelayMs ?? 15, options.simulatorArgs?.[n - 1] ?? []);
    await Promise.all(
      (options.services ?? SERVICES).map(async (name) => {
        this.#services.set(name, await this.startService(name, options.env));
      }),
    );
  }

  /** nats-server's users: those of the product, and the test. */
  #users({ simulators = 1, executors = [] }: TestStudioOptions): string {
    const unnamed = Array.from({ length: simulators }, (_, i) => `comfyui-${i + 1}`);
    const executorIds = [...unnamed, ...executors].map((name) => executorIdOf('studio', name));
    const users = [...studioRights({ executorIds }), TEST_USER];
    return `${renderNatsUsers(users, (user) => quoted(this.#password(user)))}no_auth_user: ${TEST_USER.user}\n`;
  }

  #password(user: string): string {
    const password = this.#passwords.get(user) ?? randomBytes(16).toString('hex');
    this.#passwords.set(user, password);
    return password;
  }

  async #startSimulator(n: number, stepDelayMs: number, more: readonly string[]): Promise<void> {
    const simulator = await spawnService({
      name: `comfyui-simulator-${n}`,
      entry: path.join(ROOT, 'libs', 'comfyui-simulator', 'dist', 'main.js'),
      // A port of its own, so that it comes back where the executor looks for it.
      args: ['--port', String(await freePort()), '--data-dir', path.join(this.dir, `comfyui-${n}`)].concat(
        '--step-delay',
        String(stepDelayMs),
        ...more,
      ),
      until: (line) => line['ready'] === true,
    });
    this.#simulators.push(simulator);
    this.#made.push(() => simulator.stop());
  }

  async #startDatabase(own: boolean): Promise<void> {
    if (own) {
      // Durable: kill -9 must not lose what was committed.
      const postgres = await startPostgres({ dataDir: path.join(this.dir, 'postgres') });
      this.#postgres = postgres;
      this.#made.push(() => postgres.stop());
      this.#databaseUrl = postgres.url();
      return;
    }
    const database = await createTestDatabase();
    this.#made.push(() => database[Symbol.asyncDispose]());
    this.#databaseUrl = database.url;
  }
}

function present<T>(value: T | undefined, what = 'the studio'): T {
  if (value === undefined) throw new Error(`${what} is not running`);
  return value;
}
