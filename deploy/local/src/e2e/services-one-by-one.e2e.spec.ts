import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SERVICES, type ServiceName } from '@anime/contracts';
import { natsUrlFor, passwordVariable } from '@anime/event-store';
import { startNatsServer } from '@anime/embedded-servers';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { createTestDatabase, eventually, spawnService } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

/** The commands of the README's table of services. */
function startCommands(readme: string): [ServiceName, string][] {
  const rows = [...readme.matchAll(/^\| ([\w-]+) \| `(npm run start -w [^`]+)` \|/gm)];
  return rows.map(([, name, command = '']) => [name as ServiceName, command]); // compared with SERVICES below
}

/** The same command for a user who stands in another folder: only this tells npm where the repository is. */
function fromElsewhere(command: string): string {
  return command.replace(/^npm /, `npm --prefix '${ROOT}' `);
}

describe('the services one by one, as the README says', () => {
  const made: (() => PromiseLike<unknown>)[] = [];
  const env: NodeJS.ProcessEnv = { ...process.env, PORT: '0', LOG_LEVEL: 'warn', NATS_SYNCED: '1' };
  // Neither what Jest set for itself, nor what the machine has: the defaults are what is tested.
  for (const name of [
    'NODE_OPTIONS',
    'NODE_ENV',
    'ANIME_BLOBS',
    'ANIME_BLOBS_DIR',
    'ANIME_KEYS_DIR',
    'ANIME_LIBRARY_DIR',
    'ANIME_WORKFLOWS_DIR',
  ])
    delete env[name];
  let here: string;
  let commands: [ServiceName, string][];
  let natsUrlOf: (user: string) => string;

  beforeAll(async () => {
    commands = startCommands(await readFile(path.join(ROOT, 'README.md'), 'utf8'));
    here = await mkdtemp(path.join(tmpdir(), 'anime-one-by-one-'));
    made.push(() => rm(here, { recursive: true, force: true }));
    const passwords = await passwordsOfUsers();
    const usersFile = path.join(ROOT, 'deploy', 'nats', 'users.conf');
    const nats = await startNatsServer({ env: passwords, extraConfig: await readFile(usersFile, 'utf8') });
    natsUrlOf = (user) => natsUrlFor(nats.url, user, passwords[passwordVariable(user)] ?? '');
    made.push(() => nats.stop());
    const database = await createTestDatabase();
    made.push(() => database[Symbol.asyncDispose]());
    const simulator = await spawnService({
      entry: path.join(ROOT, 'libs', 'comfyui-simulator', 'dist', 'main.js'),
      args: ['--port', '0', '--data-dir', path.join(here, 'comfyui')],
      until: (line) => line['ready'] === true,
    });
    made.push(() => simulator.stop());
    Object.assign(env, { DATABASE_URL: database.url, COMFYUI_URLS: simulator.url });
  }, 60_000);
  afterAll(async () => {
    for (let undo = made.pop(); undo !== undefined; undo = made.pop()) await undo();
  }, 60_000);

  /** What the README's command writes for docker compose. */
  async function passwordsOfUsers(): Promise<Record<string, string>> {
    const command = fromElsewhere('npm run -s anime -- nats-users --passwords');
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { cwd: here });
    return Object.fromEntries([...stdout.matchAll(/^(\w+)=(.+)$/gm)].map(([, name = '', value = '']) => [name, value]));
  }

  /** Runs a command of the README in its own process group; answers where the service listens. */
  async function start(name: ServiceName, command: string): Promise<string> {
    const child = spawn('bash', ['-c', fromElsewhere(command)], {
      cwd: here,
      env: { ...env, NATS_URL: natsUrlOf(name) },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const closed = once(child, 'close'); // once the service, too, which npm started, has let go of its output
    made.push(() => endGroup(child, closed));
    let said = '';
    const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said += `${line}\n`;
        const url = /^\{"ready":true.*"url":"([^"]+)"/.exec(line)?.[1];
        if (url !== undefined) resolve(url);
      });
    }
    void closed.then(() => reject(new Error(`${command} ended:\n${said}`)));
    return listening;
  }

  it('names every service once', () => {
    expect(commands.map(([name]) => name).sort()).toEqual([...SERVICES].sort());
  });

  it('print with --help the variables that they read, and the README names each of them', async () => {
    const readme = await readFile(path.join(ROOT, 'README.md'), 'utf8');
    const [, ofAll = ''] = /^All of them read (.*?)\n\n/ms.exec(readme) ?? [];
    for (const [name, command] of commands) {
      const row = readme.split('\n').find((line) => line.startsWith(`| ${name} |`)) ?? '';
      const { stdout } = await promisify(execFile)('bash', ['-c', `${fromElsewhere(command)} -- --help`], {
        cwd: here,
      });
      const read = [...stdout.matchAll(/^ {2}([A-Z_]+) +\S/gm)].map(([, variable = '']) => variable);
      const named = [...`${row} ${ofAll}`.matchAll(/`([A-Z_]+)`/g)].map(([, variable = '']) => variable);
      expect([name, read.sort()]).toEqual([name, named.sort()]);
    }
  }, 60_000);

  it('complete a job, with blobs and library in the folder where the user stands', async () => {
    await promisify(execFile)('bash', ['-c', fromElsewhere('npm run anime -- provision')], {
      cwd: here,
      env: { ...env, NATS_URL: natsUrlOf('provision') },
    });
    const urls = new Map(
      await Promise.all(commands.map(async ([name, command]) => [name, await start(name, command)] as const)),
    );
    for (const [name, url] of urls) {
      await eventually(async () => (await fetch(`${url}/ready`)).ok, { what: `${name} is ready`, timeoutMs: 30_000 });
    }
    const client = createGatewayClient(urls.get('gateway') ?? '');
    const accepted = await unwrap(
      client.POST('/api/anime/generate/image', { body: { prompt: 'a pier', width: 64, height: 64, steps: 2 } }),
    );
    if (!('jobId' in accepted)) throw new Error('the gateway answered with a whole job');
    const params = { path: { id: accepted.jobId }, query: { wait: 60 } };
    const job = await unwrap(client.GET('/api/anime/jobs/{id}', { params }));
    expect(job.status).toBe('completed');
    expect(job.files.length).toBeGreaterThan(0);
    for (const file of job.files) await access(path.join(here, '.anime', 'library', file.path));
  }, 120_000);
});

async function endGroup(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  try {
    process.kill(-(child.pid ?? 0), 'SIGTERM');
  } catch {
    return; // it has ended already
  }
  await closed;
}
