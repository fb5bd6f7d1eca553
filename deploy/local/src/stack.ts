import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeOptionsOf, startNatsServer, startPostgres } from '@anime/embedded-servers';
import { SERVICES, type ServiceName } from '@anime/contracts';
import { PROVISION_USER } from '@anime/event-store';
import { keysFolderFault } from '@anime/sealed-fields';
import { hideLogins } from '@anime/problem-details';
import { StackChild, type ChildOptions } from './child-process.js';
import { writeLogin } from './login-file.js';
import { StackLock } from './stack-lock.js';
import { StackUsers, type NatsUser } from './stack-users.js';
import { superviseServer } from './supervise-server.js';
import { SupervisedProcess } from './supervised-process.js';
import { sentenceOf, waitUntilReady, type Check, type Mend } from './wait-until-ready.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** The executor's check of one ComfyUI server is named by it. */
const ofComfyUi = (check: Check): boolean => check.name.startsWith('comfyui ');
/** What the gateway says has to be typed when a read-model was filled by an older build, or from another log. */
const REBUILD = 'npm run rebuild -w @anime/gateway';

/** A process that runs so long without listening will not. */
const LISTEN_LIMIT_MS = 60_000;

export interface StackOptions {
  /** Folder of all data: log, database, blobs, library, process logs. */
  readonly dataDir: string;
  /** Free ports for the services (demo), or their defaults (`npm start`). */
  readonly freePorts: boolean;
  /** Told once per step, e.g. `starting nats-server`. */
  readonly onStep: (step: string) => void;
  /** Told of what goes wrong and is mended, e.g. a service that is started again. */
  readonly onTrouble: (message: string) => void;
  /** Aborted when nobody wants the start any more. */
  readonly signal?: AbortSignal;
}

export interface Stack {
  readonly gateway: string;
  readonly relay: string;
  /** As given, without user and password: it is shown. */
  readonly comfyui: readonly string[];
  readonly simulated: boolean;
  /** Of each given ComfyUI server that is not there: its name and why. The stack is up all the same. */
  readonly comfyuiAway: readonly string[];
  readonly libraryDir: string;
  readonly logsDir: string;
  /** Of personal text; beside the folder of all data, not in it. */
  readonly keysDir: string;
  readonly urls: Readonly<Record<ServiceName, string>>;
  stop(): Promise<void>;
}

/**
 * Starts the whole stack: nats-server, PostgreSQL, a ComfyUI (simulator unless COMFYUI_URLS says otherwise) and the six
 * services as six processes. NATS_URL and DATABASE_URL replace the embedded servers. What it started is started again when
 * it dies. Returns when every service is ready, apart from ComfyUI servers that were given and are away.
 * @throws StackRunningError when one runs in this folder; Error when keys would lie in it; Error with the log's last lines when a part does not start,
 * or the reason of `signal`, with everything stopped again
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const keysDir = keysFolder(options.dataDir);
  const lock = StackLock.take(options.dataDir);
  const undo: (() => Promise<void>)[] = [async () => lock.release()];
  const stop = async (): Promise<void> => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      await step().catch((error: unknown) => options.onTrouble(String(error)));
    }
  };
  try {
    return await start(options, keysDir, lock, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

/** NATS_URL of a user. */
type NatsUrlOf = (user: NatsUser) => string;

/** What the parts of the start share. */
interface Launch {
  readonly options: StackOptions;
  readonly undo: (() => Promise<void>)[];
  /** Aborted, with the reason, when the start is in vain or not wanted any more. */
  readonly signal: AbortSignal;
  /** Says which step begins. @throws the reason of `signal` */
  readonly step: (step: string) => void;
  /** Told that a start is in vain; false once the studio is up, where the rest of it goes on. */
  readonly giveUp: (error: Error) => boolean;
  /** How to start a program of the repository, with its log in the folder of logs. */
  readonly program: (
    name: string,
    entry: string,
    env: ChildOptions['env'],
    args?: readonly string[],
  ) => Omit<ChildOptions, 'onUnexpectedExit'>;
}

async function start(
  options: StackOptions,
  keysDir: string,
  lock: StackLock,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Stack> {
  const dir = (name: string): string => path.join(options.dataDir, name);
  const [logsDir, libraryDir] = [dir('logs'), dir('library')];
  const ANIME_BLOBS = given('ANIME_BLOBS');
  const blobsDir = ANIME_BLOBS === 'nats' ? undefined : dir('blobs');
  for (const folder of [logsDir, libraryDir, blobsDir])
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
  const program: Launch['program'] = (name, entry, env, args = []) => ({
    name,
    entry: path.join(ROOT, entry),
    args,
    env,
    cwd: ROOT,
    logFile: path.join(logsDir, `${name}.log`),
    onTrouble: options.onTrouble,
  });
  const failure = new AbortController();
  const signal = AbortSignal.any([failure.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  let isUp = false;
  const giveUp = (error: Error): boolean => {
    failure.abort(error);
    return !isUp;
  };
  const step = (next: string): void => {
    signal.throwIfAborted();
    options.onStep(next);
  };
  const launch: Launch = { options, undo, signal, step, giveUp, program };

  const natsUrlOf = await startNats(launch);
  const databaseUrl = await startDatabase(launch);
  await provision(launch, natsUrlOf(PROVISION_USER));
  const { comfyui, simulated } = await startComfyUi(launch);
  const env = {
    DATABASE_URL: databaseUrl,
    // The embedded server syncs every write; of an external one only its owner can say so.
    NATS_SYNCED: given('NATS_URL') === undefined ? '1' : given('NATS_SYNCED'),
    ANIME_BLOBS,
    ANIME_BLOBS_DIR: blobsDir,
    ANIME_KEYS_DIR: keysDir,
    ANIME_LIBRARY_DIR: libraryDir,
    COMFYUI_URLS: comfyui.join(','),
  };
  const urls = await startServices(launch, natsUrlOf, env);
  step('waiting until everything is ready');
  const isForeign = (check: Check): boolean => !simulated && ofComfyUi(check);
  const mend = rebuildWhenAsked(launch, { ...env, NATS_URL: natsUrlOf('gateway') });
  const away = await Promise.all(
    Object.entries(urls).map(([name, url]) => waitUntilReady(name, url, isForeign, mend, signal)),
  );
  const comfyuiAway = away.flat().map(sentenceOf);
  signal.throwIfAborted();
  isUp = true;
  lock.announce(urls.gateway);
  return {
    gateway: urls.gateway,
    relay: urls['progress-relay'],
    comfyui: comfyui.map(hideLogins),
    simulated,
    comfyuiAway,
    libraryDir,
    logsDir,
    keysDir,
    urls,
    stop,
  };
}

/** A variable of the environment; an empty one counts as not set. */
function given(variable: string): string | undefined {
  return process.env[variable] === '' ? undefined : process.env[variable];
}

/**
 * Where keys lie: ANIME_KEYS_DIR, else beside the folder of all data.
 * @throws Error when that is in the folder of all data
 */
function keysFolder(dataDir: string): string {
  const keysDir = path.resolve(process.env['INIT_CWD'] ?? '', given('ANIME_KEYS_DIR') ?? `${dataDir}-keys`);
  const fault = keysFolderFault(keysDir, [dataDir]);
  if (fault !== undefined) throw new Error(`ANIME_KEYS_DIR must be outside the data: ${fault}.`);
  return keysDir;
}

/** The nats-server that was given, with the login that was given; else an embedded one with a user for each service. */
async function startNats({ options, undo, step }: Launch): Promise<NatsUrlOf> {
  const natsUrl = given('NATS_URL');
  const logins = path.join(options.dataDir, 'nats-logins');
  // Those of an earlier start are of another server: a command that finds none says so, one with them writes elsewhere.
  rmSync(logins, { recursive: true, force: true });
  if (natsUrl !== undefined) return () => natsUrl;
  step('starting nats-server');
  const users = new StackUsers(given('ANIME_STUDIO'), given('COMFYUI_URLS'));
  const nats = await startNatsServer({ dataDir: path.join(options.dataDir, 'nats'), extraConfig: users.configuration });
  undo.push(superviseServer('nats-server', nats, options.onTrouble));
  users.writeLogins(nats.url, logins);
  return (user) => users.urlFor(nats.url, user);
}

async function startDatabase({ options, undo, step }: Launch): Promise<string> {
  const databaseUrl = given('DATABASE_URL');
  const login = path.join(options.dataDir, 'database-url');
  rmSync(login, { force: true }); // as the logins of NATS
  if (databaseUrl !== undefined) return databaseUrl;
  step('starting PostgreSQL');
  const postgres = await startPostgres({ dataDir: path.join(options.dataDir, 'postgres') });
  undo.push(superviseServer('PostgreSQL', postgres, options.onTrouble));
  writeLogin(login, postgres.url());
  return postgres.url();
}

async function provision({ step, program }: Launch, natsUrl: string): Promise<void> {
  step('preparing the event log');
  const child = new StackChild({
    ...program('provision', 'services/cli/dist/main.js', { NATS_URL: natsUrl }, ['provision']),
    onUnexpectedExit: () => undefined, // It ends by itself.
  });
  if ((await child.ending()) !== 'exit code 0') throw new Error(await child.lastWords());
}

async function startComfyUi(launch: Launch): Promise<{ comfyui: readonly string[]; simulated: boolean }> {
  const { options, undo, step, giveUp, program } = launch;
  const servers = given('COMFYUI_URLS');
  if (servers !== undefined) return { comfyui: servers.split(','), simulated: false };
  step('starting the ComfyUI simulator (no COMFYUI_URLS given)');
  const dataDir = path.join(options.dataDir, 'comfyui-simulator');
  const simulator = new SupervisedProcess({
    optionsFor: (port = '0') =>
      program('comfyui-simulator', 'libs/comfyui-simulator/dist/main.js', {}, [
        '--port',
        port,
        '--data-dir',
        dataDir,
        '--step-delay',
        '60', // slow enough that a person sees the work go on
      ]),
    firstPort: '0',
    giveUp,
  });
  undo.push(() => simulator.stop());
  return { comfyui: [await listening(launch, 'comfyui-simulator', simulator)], simulated: true };
}

async function startServices(
  launch: Launch,
  natsUrlOf: NatsUrlOf,
  env: ChildOptions['env'],
): Promise<Record<ServiceName, string>> {
  const { options, undo, step, giveUp, program } = launch;
  step('starting the six services');
  const services = SERVICES.map((name) => {
    const optionsFor = (PORT?: string) =>
      program(name, `services/${name}/dist/main.js`, {
        ...env,
        ...nodeOptionsOf(name, process.env['NODE_OPTIONS']),
        NATS_URL: natsUrlOf(name),
        PORT,
      });
    const service = new SupervisedProcess({
      optionsFor,
      firstPort: options.freePorts ? '0' : undefined,
      giveUp: (error) => giveUp(explained(error, name, options)),
    });
    return [name, service] as const;
  });
  undo.push(async () => {
    await Promise.all(services.map(([, service]) => service.stop()));
  });
  const urls = await Promise.all(
    services.map(async ([name, service]) => {
      const url = await listening(launch, name, service).catch((error: Error) =>
        Promise.reject(explained(error, name, options)),
      );
      return [name, url] as const;
    }),
  );
  return Object.fromEntries(urls) as Record<ServiceName, string>; // one for each of SERVICES
}

/**
 * Where a process listens.
 * @throws Error with its last words when it ended before that, Error when it does not come to it; the reason of `signal`
 */
async function listening({ signal }: Launch, name: string, supervised: SupervisedProcess): Promise<string> {
  const limit = AbortSignal.timeout(LISTEN_LIMIT_MS);
  const inVain = rejectedOn(AbortSignal.any([signal, limit])).catch((reason: unknown) => {
    throw limit.aborted ? new Error(`${name} did not begin to listen within ${LISTEN_LIMIT_MS / 1_000} s`) : reason;
  });
  return await Promise.race([supervised.firstUrl(), inVain]);
}

/** Rejects with the reason of a signal that aborts. */
function rejectedOn(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

/**
 * Runs the command that the gateway asks for. A person could not: the servers that it needs end with a start that fails.
 * @param env as of the gateway
 */
function rebuildWhenAsked({ signal, step, undo, program }: Launch, env: ChildOptions['env']): Mend {
  const rebuild = async (): Promise<void> => {
    step('filling the read-models anew from the event log: an older build filled them, or it is another log');
    const child = new StackChild({
      ...program('rebuild', 'services/gateway/dist/rebuild.js', env),
      onUnexpectedExit: () => undefined, // It ends by itself.
    });
    undo.push(() => child.stop());
    if ((await Promise.race([child.ending(), rejectedOn(signal)])) !== 'exit code 0')
      throw new Error(await child.lastWords());
  };
  return (failing) => (failing.some(({ reason }) => reason?.includes(REBUILD) === true) ? rebuild() : undefined);
}

/** What a service died of; where the way out is another one here than for a service started alone, with that one. */
function explained(error: Error, name: ServiceName, { freePorts }: StackOptions): Error {
  const taken = /Port \d+ of \S+ is taken/.exec(error.message)?.[0];
  if (taken !== undefined)
    return new Error(
      `${taken}, which the ${name} needs. Is another studio running? \`npm start -- --free-ports\` lets the system choose the ports.`,
      { cause: error },
    );
  // The command that it names needs nats-server, which ends with this start.
  const noKey = /(?:HOST|ANIME_LOCAL_USER): .* no key has the scope admin/.exec(error.message)?.[0];
  if (noKey !== undefined)
    return new Error(
      `The ${name} ended (exit code 78): ${noKey}. Make one while only this machine reaches the studio, with the same options as now:
  HOST=127.0.0.1 ANIME_LOCAL_USER=1 npm start
  npm run anime -- keys create --scopes admin${freePorts ? ' --gateway <the address that it says>' : ''}      # meanwhile, elsewhere
Then stop it, and start it as now. More: docs/how-to/api-keys.md`,
      { cause: error },
    );
  return error;
}
