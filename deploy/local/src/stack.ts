import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startNatsServer, startPostgres } from '@anime/embedded-servers';
import { SERVICES, type ServiceName } from '@anime/contracts';
import { StackChild } from './child-process.js';
import { StackLock } from './stack-lock.js';
import { waitUntilReady } from './wait-until-ready.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const RESTART_DELAY_MS = 1_000;

export interface StackOptions {
  /** Folder of all data: log, database, blobs, library, process logs. */
  readonly dataDir: string;
  /** Free ports for the services (demo), or their defaults (`npm start`). */
  readonly freePorts: boolean;
  /** Told once per step, e.g. `starting nats-server`. */
  readonly onStep: (step: string) => void;
  /** Told of what goes wrong and is mended, e.g. a service that is started again. */
  readonly onTrouble: (message: string) => void;
}

export interface Stack {
  readonly gateway: string;
  readonly relay: string;
  readonly comfyui: readonly string[];
  readonly simulated: boolean;
  readonly libraryDir: string;
  readonly logsDir: string;
  readonly urls: Readonly<Record<ServiceName, string>>;
  stop(): Promise<void>;
}

/**
 * Starts the whole stack: nats-server, PostgreSQL, a ComfyUI (simulator unless COMFYUI_URLS says otherwise) and the six
 * services as six processes. NATS_URL and DATABASE_URL replace the embedded servers. Returns when every service is ready.
 * @throws StackRunningError when one runs in this folder; Error with the log's last lines when a part does not start,
 * with everything stopped again
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const lock = StackLock.take(options.dataDir);
  const undo: (() => Promise<void>)[] = [async () => lock.release()];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      await step().catch((error: unknown) => options.onTrouble(String(error)));
    }
  };
  try {
    return await start(options, lock, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  options: StackOptions,
  lock: StackLock,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Stack> {
  const dir = (name: string): string => path.join(options.dataDir, name);
  const [logsDir, libraryDir] = [dir('logs'), dir('library')];
  for (const folder of [logsDir, libraryDir, dir('blobs')]) mkdirSync(folder, { recursive: true });
  const spawn = (
    name: string,
    entry: string,
    env: Record<string, string | undefined>,
    args: readonly string[] = [],
  ): StackChild =>
    new StackChild({
      name,
      entry: path.join(ROOT, entry),
      args,
      env,
      cwd: ROOT,
      logFile: path.join(logsDir, `${name}.log`),
      onUnexpectedExit: () => undefined,
    });

  const { natsUrl, databaseUrl } = await startServers(options, undo);
  options.onStep('preparing the event log');
  const provision = spawn('provision', 'services/cli/dist/main.js', { NATS_URL: natsUrl }, ['provision']);
  const ended = await provision.lastWords();
  if (!ended.includes('(exit code 0)')) throw new Error(ended);

  const { comfyui, simulated } = await startComfyUi(options, undo, spawn);
  options.onStep('starting the six services');
  const env: Record<string, string | undefined> = {
    NATS_URL: natsUrl,
    DATABASE_URL: databaseUrl,
    // The embedded server syncs every write; of an external one only its owner can say so.
    NATS_SYNCED: process.env['NATS_URL'] === undefined ? '1' : process.env['NATS_SYNCED'],
    ANIME_BLOBS_DIR: dir('blobs'),
    ANIME_LIBRARY_DIR: libraryDir,
    COMFYUI_URLS: comfyui.join(','),
    PORT: options.freePorts ? '0' : undefined,
  };
  const children = SERVICES.map(
    (name) => new SupervisedService(name, spawnOptions(name, env, logsDir), options.onTrouble),
  );
  undo.push(async () => {
    await Promise.all(children.map((child) => child.stop()));
  });
  const urls = Object.fromEntries(
    await Promise.all(children.map(async (child) => [child.name, await child.firstUrl()] as const)),
  ) as Record<ServiceName, string>;
  options.onStep('waiting until everything is ready');
  await Promise.all(Object.entries(urls).map(([name, url]) => waitUntilReady(name, url)));
  lock.announce(urls.gateway);
  return { gateway: urls.gateway, relay: urls['progress-relay'], comfyui, simulated, libraryDir, logsDir, urls, stop };
}

async function startServers(
  options: StackOptions,
  undo: (() => Promise<void>)[],
): Promise<{ natsUrl: string; databaseUrl: string }> {
  let natsUrl = process.env['NATS_URL'];
  let databaseUrl = process.env['DATABASE_URL'];
  if (natsUrl === undefined) {
    options.onStep('starting nats-server');
    const nats = await startNatsServer({ dataDir: path.join(options.dataDir, 'nats') });
    undo.push(() => nats.stop());
    natsUrl = nats.url;
  }
  if (databaseUrl === undefined) {
    options.onStep('starting PostgreSQL');
    const postgres = await startPostgres({ dataDir: path.join(options.dataDir, 'postgres') });
    undo.push(() => postgres.stop());
    databaseUrl = postgres.url();
  }
  return { natsUrl, databaseUrl };
}

async function startComfyUi(
  options: StackOptions,
  undo: (() => Promise<void>)[],
  spawn: (name: string, entry: string, env: Record<string, string | undefined>, args: readonly string[]) => StackChild,
): Promise<{ comfyui: readonly string[]; simulated: boolean }> {
  const given = process.env['COMFYUI_URLS'];
  if (given !== undefined && given !== '') return { comfyui: given.split(','), simulated: false };
  options.onStep('starting the ComfyUI simulator (no COMFYUI_URLS given)');
  // Slow enough that a person sees the work go on.
  const args = ['--port', '0', '--step-delay', '60', '--data-dir', path.join(options.dataDir, 'comfyui-simulator')];
  const simulator = spawn('comfyui-simulator', 'libs/comfyui-simulator/dist/main.js', {}, args);
  undo.push(() => simulator.stop());
  return { comfyui: [await simulator.url()], simulated: true };
}

function spawnOptions(
  name: ServiceName,
  env: Record<string, string | undefined>,
  logsDir: string,
): Omit<ConstructorParameters<typeof StackChild>[0], 'onUnexpectedExit'> {
  return {
    name,
    entry: path.join(ROOT, 'services', name, 'dist', 'main.js'),
    env,
    cwd: ROOT,
    logFile: path.join(logsDir, `${name}.log`),
  };
}

/** A service that is started again when it dies after it had begun to work. */
class SupervisedService {
  readonly name: ServiceName;
  readonly #options: Omit<ConstructorParameters<typeof StackChild>[0], 'onUnexpectedExit'>;
  readonly #onTrouble: (message: string) => void;
  #child: StackChild;
  #stopped = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(
    name: ServiceName,
    options: Omit<ConstructorParameters<typeof StackChild>[0], 'onUnexpectedExit'>,
    onTrouble: (message: string) => void,
  ) {
    this.name = name;
    this.#options = options;
    this.#onTrouble = onTrouble;
    this.#child = this.#launch();
  }

  /** Where it first listened; it is started again on the same port. */
  firstUrl(): Promise<string> {
    return this.#child.url();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#restart);
    await this.#child.stop();
  }

  #launch(): StackChild {
    const child = new StackChild({
      ...this.#options,
      onUnexpectedExit: (dead) => {
        void dead.url().then(
          (url) => this.#again(dead, new URL(url).port),
          () => undefined, // It never listened: whoever waits for its address reports that.
        );
      },
    });
    return child;
  }

  async #again(dead: StackChild, port: string): Promise<void> {
    this.#onTrouble(`${await dead.lastWords()}\nStarting ${this.name} again.`);
    if (this.#stopped) return;
    this.#restart = setTimeout(() => {
      const options = { ...this.#options, env: { ...this.#options.env, PORT: port } };
      this.#child = new StackChild({ ...options, onUnexpectedExit: (next) => void this.#again(next, port) });
    }, RESTART_DELAY_MS);
  }
}
