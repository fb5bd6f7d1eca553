import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const ENTRY = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** The launcher as a user runs it, with what it printed. */
class Launcher {
  readonly process: ChildProcess;
  output = '';
  readonly exit: Promise<number | null>;

  constructor(...args: string[]) {
    const env = { ...process.env };
    for (const name of ['NATS_URL', 'DATABASE_URL', 'COMFYUI_URLS']) delete env[name];
    this.process = spawn(process.execPath, [ENTRY, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += String(chunk)));
    this.exit = once(this.process, 'exit').then(([code]) => code as number | null);
  }

  async up(): Promise<string> {
    const ended = this.exit.then((code) => Promise.reject(new Error(`the launcher ended (${code}):\n${this.output}`)));
    const up = eventually(() => /gateway\s+(http:\S+)/.exec(this.output)?.[1], {
      what: 'the studio is up',
      timeoutMs: 60_000,
    });
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

describe('npm start', () => {
  let dataDir: string;
  const launchers: Launcher[] = [];
  const start = (): Launcher => {
    const launcher = new Launcher('start', '--free-ports', '--data-dir', dataDir);
    launchers.push(launcher);
    return launcher;
  };
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
    const body = { prompt: 'a harbour', width: 64, height: 64, steps: 2 };
    const job = await unwrap(client.POST('/api/anime/generate/image', { params: { query: { wait: 30 } }, body }));
    expect(job.status).toBe('completed');

    const second = start();
    expect(await second.exit).toBe(1);
    expect(second.output).toMatch(/runs in this folder already \(process \d+, http:.*\)/);
    expect((await fetch(`${gateway}/ready`)).status).toBe(200);

    first.process.kill('SIGINT');
    expect(await first.exit).toBe(0);
    await eventually(async () => (await processesOf(dataDir)).length === 0, {
      what: 'nothing of the studio runs any more',
      timeoutMs: 10_000,
    });
  }, 120_000);

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
});
