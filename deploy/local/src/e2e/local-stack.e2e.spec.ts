import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SERVICES } from '@anime/contracts';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { createTestDatabase, eventually, freePort } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';

const ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const CLI = fileURLToPath(new URL('../../../../services/cli/dist/main.js', import.meta.url));
const REBUILD = fileURLToPath(new URL('../../../../services/gateway/dist/rebuild.js', import.meta.url));

/** The launcher as a user runs it, with what it printed. */
class Launcher {
  readonly process: ChildProcess;
  output = '';
  readonly exit: Promise<number | null>;

  constructor(
    args: readonly string[],
    added: Readonly<Record<string, string>> = {},
    stdout: 'pipe' | number = 'pipe', // or an open file
  ) {
    const env = { ...process.env };
    for (const name of ['NATS_URL', 'DATABASE_URL', 'COMFYUI_URLS', 'HOST', 'ANIME_LOCAL_USER', 'ANIME_BLOBS'])
      delete env[name];
    Object.assign(env, added);
    this.process = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', stdout, 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += String(chunk)));
    this.exit = once(this.process, 'exit').then(([code]) => code as number | null);
  }

  async up(): Promise<string> {
    return this.until(() => /gateway\s+(http:\S+)/.exec(this.output)?.[1]);
  }

  /** Where the gateway is by this condition, unless the launcher ends before. */
  async until(gateway: () => string | undefined | Promise<string | undefined>): Promise<string> {
    const ended = this.exit.then((code) => Promise.reject(new Error(`the launcher ended (${code}):\n${this.output}`)));
    const up = eventually(gateway, { what: 'the studio is up', timeoutMs: 60_000 });
    return Promise.race([up, ended]);
  }
}

/** Processes whose command line names this folder. */
async function processesOf(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (text.includes(`${folder}/`) || commandLine.includes(folder))
      found.push(`${pid} ${commandLine.replaceAll('\0', ' ')}`);
  }
  return found;
}

const IMAGE = { prompt: 'a harbour', width: 64, height: 64, steps: 2 };

/** The processes that this one started, without those that they started. */
async function childrenOf(parent: ChildProcess): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
    if (!status.includes(`\nPPid:\t${parent.pid}\n`)) continue;
    found.push({ pid: Number(pid), command: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '') });
  }
  return found;
}

describe('npm start', () => {
  let dataDir: string;
  const launchers: Launcher[] = [];
  const launch = (...given: ConstructorParameters<typeof Launcher>): Launcher => {
    const launcher = new Launcher(...given);
    launchers.push(launcher);
    return launcher;
  };
  const start = (env: Readonly<Record<string, string>> = {}): Launcher =>
    launch(['start', '--free-ports', '--data-dir', dataDir], env);
  beforeAll(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'anime stack '));
  });
  afterAll(async () => {
    for (const launcher of launchers) launcher.process.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  });

  it('keeps the studio up until Ctrl-C; a second one says so and touches nothing', async () => {
    const first = start();
    const gateway = await first.up();
    const client = createGatewayClient(gateway);
    const job = await unwrap(
      client.POST('/api/anime/generate/image', { params: { query: { wait: 30 } }, body: IMAGE }),
    );
    expect(job.status).toBe('completed');

    const second = start();
    expect(await second.exit).toBe(1);
    expect(second.output).toMatch(/runs in this folder already \(process \d+, http:.*\)/);
    expect((await fetch(`${gateway}/ready`)).status).toBe(200);

    first.process.kill('SIGINT');
    expect(await first.exit).toBe(0);
    await eventually(async () => (await processesOf(dataDir)).length === 0, {
      what: 'nothing of the studio runs any more',
    });
  }, 120_000);

  it('stopped while it starts leaves nothing running, and says that it never was up', async () => {
    const launcher = start();
    await eventually(() => launcher.output.includes('starting PostgreSQL'), { what: 'it starts' });
    launcher.process.kill('SIGTERM');
    expect(await launcher.exit).toBe(0);
    expect(launcher.output).toContain('Stopped before the studio was up');
    expect(launcher.output).not.toContain('The studio is up');
    expect(await processesOf(dataDir)).toEqual([]);
  }, 60_000);

  it('keeps the passwords of NATS and PostgreSQL to files that only their owner reads, with which commands log in', async () => {
    const launcher = start();
    await launcher.up();
    const logins = path.join(dataDir, 'nats-logins');
    const users = await readdir(logins);
    expect(users.toSorted()).toEqual([...SERVICES, 'provision'].toSorted());
    const passwords: string[] = [];
    for (const user of users) {
      const file = path.join(logins, user);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      passwords.push(new URL(await readFile(file, 'utf8')).password);
    }
    expect(new Set(passwords).size).toBe(users.length);
    expect((await stat(path.join(dataDir, 'nats', 'nats-server.conf'))).mode & 0o777).toBe(0o600);

    const database = path.join(dataDir, 'database-url');
    expect((await stat(database)).mode & 0o777).toBe(0o600);
    const DATABASE_URL = (await readFile(database, 'utf8')).trim();
    passwords.push(new URL(DATABASE_URL).password);
    expect(passwords).not.toContain('');

    const loginOf = async (user: string): Promise<string> => (await readFile(path.join(logins, user), 'utf8')).trim();
    const listed = await promisify(execFile)(process.execPath, [CLI, 'consumers', 'list'], {
      env: { ...process.env, NATS_URL: await loginOf('provision') },
    });
    expect(listed.stdout).toMatch(/^executor-[0-9a-f-]{36} +present/m);
    const rebuilt = await promisify(execFile)(process.execPath, [REBUILD, '--check-parity'], {
      env: { ...process.env, NATS_URL: await loginOf('gateway'), DATABASE_URL },
    });
    expect(rebuilt.stdout).toContain('"jobs"');

    const said = [launcher.output, ...(await processesOf(dataDir))];
    for (const folder of ['logs', 'nats']) {
      for (const file of (await readdir(path.join(dataDir, folder))).filter((name) => name.endsWith('.log')))
        said.push(await readFile(path.join(dataDir, folder, file), 'utf8'));
    }
    for (const password of passwords) expect(said.filter((text) => text.includes(password))).toEqual([]);
    launcher.process.kill('SIGINT');
    expect(await launcher.exit).toBe(0);
  }, 120_000);

  it('leaves no login of an earlier start when the servers are given: it would lead elsewhere', async () => {
    const ownDir = path.join(dataDir, 'servers elsewhere');
    await mkdir(path.join(ownDir, 'nats-logins'), { recursive: true });
    for (const file of ['database-url', 'nats-logins/gateway'])
      await writeFile(path.join(ownDir, file), 'of servers that were its own');
    const nowhere = `127.0.0.1:${await freePort()}`;
    const given = { NATS_URL: `nats://${nowhere}`, DATABASE_URL: `postgres://${nowhere}/anime` };
    const launcher = launch(['start', '--free-ports', '--data-dir', ownDir], given);
    expect(await launcher.exit).toBe(1);
    expect(launcher.output).toContain('provision ended');
    const left = await readdir(ownDir);
    expect(left.filter((name) => ['database-url', 'nats-logins'].includes(name))).toEqual([]);
  }, 60_000);

  it('recovers after kill -9 of the launcher, with everything that was there', async () => {
    const killed = start();
    const client = createGatewayClient(await killed.up());
    const accepted = await unwrap(
      client.POST('/api/anime/generate/image', { body: { prompt: 'a lantern', width: 64, height: 64, steps: 100 } }),
    );
    killed.process.kill('SIGKILL');
    await killed.exit;

    const next = start();
    const again = createGatewayClient(await next.up());
    if (!('jobId' in accepted)) throw new Error('the gateway answered with a whole job');
    const path = { id: accepted.jobId };
    const job = await unwrap(again.GET('/api/anime/jobs/{id}', { params: { path, query: { wait: 60 } } }));
    expect(job.status).toBe('completed');
    const { jobs } = await unwrap(again.GET('/api/anime/jobs', {}));
    expect(jobs).toHaveLength(2);
    next.process.kill('SIGTERM');
    expect(await next.exit).toBe(0);
  }, 180_000);

  it('starts each server again that dies under it, on the same port and data', async () => {
    const launcher = start();
    const client = createGatewayClient(await launcher.up());
    const servers = { 'nats-server': /nats-server/, PostgreSQL: /postgres/, 'comfyui-simulator': /comfyui-simulator/ };
    for (const [name, program] of Object.entries(servers)) {
      const [child] = (await childrenOf(launcher.process)).filter(({ command }) => program.test(command));
      if (child === undefined) throw new Error(`${name} does not run`);
      process.kill(child.pid, 'SIGKILL');
      await eventually(() => new RegExp(`^${name} ended \\(SIGKILL\\); starting it again`, 'm').test(launcher.output), {
        what: `the end of ${name} is noticed`,
      });
    }
    const accepted = await eventually(
      async () => {
        const { data } = await client.POST('/api/anime/generate/image', { body: IMAGE });
        return data !== undefined && 'jobId' in data && data;
      },
      { what: 'a job is accepted again', timeoutMs: 30_000 },
    );
    const job = await eventually(
      async () => {
        const params = { path: { id: accepted.jobId }, query: { wait: 30 } };
        const { data } = await client.GET('/api/anime/jobs/{id}', { params });
        return data?.status === 'completed' && data;
      },
      { what: 'the job is completed', timeoutMs: 60_000 },
    );
    expect(job.files.length).toBeGreaterThan(0);
    launcher.process.kill('SIGINT');
    expect(await launcher.exit).toBe(0);
  }, 180_000);

  it('comes up while a given ComfyUI is away, and says in one line which and why, but not its password', async () => {
    const port = await freePort();
    const launcher = start({ COMFYUI_URLS: `gpu-a=http://me:s%40cret@127.0.0.1:${port}` });
    const gateway = await launcher.up();
    await eventually(() => launcher.output.includes('Ctrl-C stops it'), { what: 'everything is said' });
    expect(launcher.output.split('\n')).toContainEqual(
      expect.stringMatching(/Not ready: comfyui gpu-a: .*ECONNREFUSED.*jobs wait until it is ready/),
    );
    expect(launcher.output).toContain(`gpu-a=http://…@127.0.0.1:${port}\n`);
    expect(launcher.output).not.toMatch(/s%40cret|s@cret/);
    const accepted = await unwrap(createGatewayClient(gateway).POST('/api/anime/generate/image', { body: IMAGE }));
    expect('status' in accepted && accepted.status).toBe('requested');
    launcher.process.kill('SIGINT');
    expect(await launcher.exit).toBe(0);
  }, 120_000);

  it('makes a picture without a folder of blobs when they are in NATS', async () => {
    const ownDir = path.join(dataDir, 'blobs in nats');
    const launcher = launch(['start', '--free-ports', '--data-dir', ownDir], { ANIME_BLOBS: 'nats' });
    const client = createGatewayClient(await launcher.up());
    const job = await unwrap(
      client.POST('/api/anime/generate/image', { params: { query: { wait: 60 } }, body: IMAGE }),
    );
    expect(job.status).toBe('completed');
    expect(await readdir(ownDir)).toContain('library');
    expect(await readdir(ownDir)).not.toContain('blobs');
    launcher.process.kill('SIGINT');
    expect(await launcher.exit).toBe(0);
  }, 120_000);

  it('fills read-models anew that an older build filled, and then is up', async () => {
    await using database = await createTestDatabase();
    const ownDir = path.join(dataDir, 'older build');
    const begin = (): Launcher =>
      launch(['start', '--free-ports', '--data-dir', ownDir], { DATABASE_URL: database.url });
    const older = begin();
    const made = await unwrap(
      createGatewayClient(await older.up()).POST('/api/anime/generate/image', {
        params: { query: { wait: 60 } },
        body: IMAGE,
      }),
    );
    if (!('id' in made)) throw new Error('the job did not end');
    expect(older.output).not.toContain('anew');
    older.process.kill('SIGINT');
    expect(await older.exit).toBe(0);

    const tables = new pg.Client({ connectionString: database.url });
    await tables.connect();
    await tables.query(`update gateway.projection_checkpoints set version = version - 1 where projection = 'jobs'`);
    await tables.query('delete from gateway.jobs');
    await tables.end();

    const newer = begin();
    const client = createGatewayClient(await newer.up());
    expect(newer.output).toContain('filling the read-models anew from the event log');
    const job = await unwrap(client.GET('/api/anime/jobs/{id}', { params: { path: { id: made.id } } }));
    expect(job.status).toBe('completed');
    newer.process.kill('SIGINT');
    expect(await newer.exit).toBe(0);
  }, 180_000);

  it('without a key for others ends at once, and what it says leads to one', async () => {
    const ownDir = path.join(dataDir, 'for others');
    const begin = (env: Readonly<Record<string, string>>): Launcher =>
      launch(['start', '--free-ports', '--data-dir', ownDir], env);
    for (const env of [{ HOST: '0.0.0.0' }, { ANIME_LOCAL_USER: '0' }]) {
      const refused = begin(env);
      expect(await refused.exit).toBe(1);
      expect(refused.output).toMatch(
        /^The gateway ended \(exit code 78\): (?:HOST: others reach|ANIME_LOCAL_USER: is 0,) .* no key has the scope admin\. .*\n {2}HOST=127\.0\.0\.1 ANIME_LOCAL_USER=1 npm start\n {2}npm run anime -- keys create --scopes admin --gateway /m,
      );
      expect(refused.output).not.toMatch(/starting it again|fetch failed|@anime\/gateway/);
    }

    const own = begin({ HOST: '127.0.0.1', ANIME_LOCAL_USER: '1' });
    const create = [CLI, 'keys', 'create', '--scopes', 'admin', '--gateway', await own.up()];
    const apiKey = (await promisify(execFile)(process.execPath, create)).stdout.trim();
    own.process.kill('SIGINT');
    expect(await own.exit).toBe(0);

    const forOthers = begin({ HOST: '0.0.0.0' });
    const gateway = await forOthers.up();
    expect((await createGatewayClient(gateway).GET('/api/anime/queue')).response.status).toBe(401);
    expect((await createGatewayClient(gateway, { apiKey }).GET('/api/anime/queue')).response.status).toBe(200);
    forOthers.process.kill('SIGINT');
    expect(await forOthers.exit).toBe(0);
  }, 180_000);

  it('runs although nothing that it says can be written, as on a full disk', async () => {
    const full = await open('/dev/full', 'w');
    const launcher = launch(['start', '--free-ports', '--data-dir', dataDir], {}, full.fd);
    await full.close();
    const gateway = await launcher.until(async () => {
      const lock = JSON.parse(await readFile(path.join(dataDir, 'stack.json'), 'utf8')) as { gateway?: string };
      return lock.gateway;
    });
    expect((await fetch(`${gateway}/ready`)).status).toBe(200);
    launcher.process.kill('SIGINT');
    expect(await launcher.exit).toBe(0);
  }, 120_000);

  it('refuses keys in the folder of the data, and starts nothing', async () => {
    const launcher = launch(['start', '--data-dir', dataDir], { ANIME_KEYS_DIR: path.join(dataDir, 'keys') });
    expect(await launcher.exit).toBe(1);
    expect(launcher.output).toContain('ANIME_KEYS_DIR must be outside the data');
    expect(await readdir(dataDir)).not.toContain('keys');
    expect(await processesOf(dataDir)).toEqual([]);
  });

  it('names a port that is taken and the way out, without a stack trace', async () => {
    const occupier = createServer().listen(8335, '127.0.0.1');
    // Taken by somebody else already is as good.
    await Promise.race([once(occupier, 'listening'), once(occupier, 'error')]);
    const launcher = launch(['start', '--data-dir', dataDir]);
    expect(await launcher.exit).toBe(1);
    await new Promise((resolve) => occupier.close(resolve));
    const last = launcher.output.trim().split('\n').at(-1);
    expect(last).toMatch(/^Port \d+ of 127\.0\.0\.1 is taken, which the [\w-]+ needs.*npm start -- --free-ports/);
    expect(launcher.output).not.toMatch(/"level"|^\s+at /m);
  }, 90_000);
});

describe('npm run demo', () => {
  it('says why no picture can be made while every given ComfyUI is away, and ends with 1', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'anime-demo-'));
    const url = `http://127.0.0.1:${await freePort()}`;
    const launcher = new Launcher(['demo', '--data-dir', dataDir], { COMFYUI_URLS: url });
    try {
      expect(await launcher.exit).toBe(1);
      expect(launcher.output).toMatch(/^Not ready: comfyui comfyui-1: .*ECONNREFUSED/m);
      expect(launcher.output.trim().split('\n').at(-1)).toMatch(/^No picture can be made: no server of COMFYUI_URLS/);
      expect(await processesOf(dataDir)).toEqual([]);
    } finally {
      launcher.process.kill('SIGKILL');
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 90_000);
});
