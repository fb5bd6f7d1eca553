import path from 'node:path';
import { spawn } from 'node:child_process';
import { startOtlpReceiver, TYPESCRIPT_PRELOAD } from '@anime/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { requireNode } from './node-version.js';

const FIXTURE = path.join(import.meta.dirname, 'testing', 'fixture-service.mjs');

interface Fixture {
  readonly url: Promise<string>;
  readonly exited: Promise<number | string | null>;
  readonly stderr: () => string;
  readonly stdout: () => string;
  kill(signal: NodeJS.Signals): void;
  until(text: string): Promise<void>;
}

const running: Fixture[] = [];
afterEach(async () => {
  for (const fixture of running.splice(0)) {
    fixture.kill('SIGKILL');
    await fixture.exited;
  }
});

function start(env: Record<string, string> = {}, ...args: string[]): Fixture {
  const { NODE_OPTIONS: _options, ...own } = process.env;
  const child = spawn(process.execPath, ['--import', TYPESCRIPT_PRELOAD, FIXTURE, ...args], {
    env: { ...own, PORT: '0', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  const ready = Promise.withResolvers<string>();
  ready.promise.catch(() => undefined);
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    out += String(chunk);
    if (out.startsWith('{') && out.includes('\n')) ready.resolve((JSON.parse(out) as { url: string }).url);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += String(chunk);
    for (const look of waiting) look();
  });
  const exited = new Promise<number | string | null>((resolve) => {
    child.once('close', (code, signal) => {
      ready.reject(new Error(`it ended: ${err}`));
      for (const look of waiting) look();
      resolve(code ?? signal);
    });
  });
  const fixture: Fixture = {
    url: ready.promise,
    exited,
    stderr: () => err,
    stdout: () => out,
    kill: (signal) => void child.kill(signal),
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (err.includes(text)) resolve();
          else if (child.exitCode !== null) reject(new Error(`it ended without ${text}: ${err}`));
        };
        waiting.push(look);
        look();
      }),
  };
  running.push(fixture);
  return fixture;
}

const trailOf = (fixture: Fixture): string[] =>
  [...fixture.stderr().matchAll(/^trail (\w+)$/gm)].map((match) => match[1] ?? '');

describe('a service process', () => {
  it('says in one JSON line where it listens, stays up while NATS is away, and drains on SIGTERM in order', async () => {
    const fixture = start();
    const url = await fixture.url;
    expect(JSON.parse(fixture.stdout())).toMatchObject({
      ready: true,
      service: 'gateway',
      version: '0.0.1',
      port: Number(new URL(url).port),
    });
    expect((await fetch(new URL('/health', url))).status).toBe(200);
    expect((await fetch(new URL('/ready', url))).status).toBe(503); // and the connection stays open
    fixture.kill('SIGTERM');
    expect(await fixture.exited).toBe(0);
    expect(trailOf(fixture)).toEqual(['consumers', 'resources', 'consumers', 'log']); // Nest closes the transport once more
    expect(fixture.stdout().trim().split('\n')).toHaveLength(1);
  });

  it('ends at once on a second signal', async () => {
    const fixture = start({ FIXTURE: 'hangs' });
    await fixture.url;
    fixture.kill('SIGINT');
    await fixture.until('trail consumers');
    fixture.kill('SIGINT');
    expect(await fixture.exited).toBe(130);
  });

  it('names every bad variable, one line each, and exits 78', async () => {
    const fixture = start({ FIXTURE: 'needs-database', PORT: 'x', LOG_LEVEL: 'loud' });
    expect(await fixture.exited).toBe(78);
    expect(fixture.stderr().trim().split('\n')).toEqual([
      'Configuration: 3 variable(s) of the environment are not usable',
      '  PORT: expected a port number from 0 (any free one) to 65535, but it is "x"',
      '  LOG_LEVEL: expected one of trace, debug, info, warn, error, fatal, silent, but it is "loud"',
      '  DATABASE_URL: expected a PostgreSQL address, postgres://user:password@host:port/database, but it is not set',
    ]);
  });

  it('logs a promise that nobody caught as fatal and exits 1', async () => {
    const fixture = start({ FIXTURE: 'rejects' });
    expect(await fixture.exited).toBe(1);
    expect(fixture.stderr()).toMatch(/"level":"fatal".*nobody caught this/);
  });

  it('exits 1 and says in one line when its port is taken', async () => {
    const first = start();
    const { port } = new URL(await first.url);
    const fixture = start({ PORT: port });
    expect(await fixture.exited).toBe(1);
    expect(fixture.stderr().trim().split('\n').at(-1)).toBe(
      `Port ${port} of 127.0.0.1 is taken (EADDRINUSE): set PORT to another one, or to 0 for any free one.`,
    );
    expect(fixture.stderr()).not.toContain('"stack"');
  });

  it('prints with --help the variables that it reads, whatever is set, and exits 0', async () => {
    const fixture = start({ FIXTURE: 'needs-database', PORT: 'x' }, '--help');
    expect(await fixture.exited).toBe(0);
    expect(fixture.stdout()).toMatch(/^The gateway reads these variables of the environment:\n\n {2}NATS_URL /);
    expect(fixture.stdout()).toContain('  DATABASE_URL ');
    expect(fixture.stderr()).toBe('');
  });

  it('sends the spans of its requests to the OTLP endpoint, those of /health not', async () => {
    await using receiver = await startOtlpReceiver();
    const fixture = start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    const url = await fixture.url;
    await (await fetch(new URL('/health', url))).text();
    const traceId = 'a'.repeat(32);
    const parentSpanId = 'b'.repeat(16);
    await (
      await fetch(new URL('/nowhere?q=1', url), { headers: { traceparent: `00-${traceId}-${parentSpanId}-01` } })
    ).text();
    fixture.kill('SIGTERM');
    expect(await fixture.exited).toBe(0);
    expect(receiver.spans).toMatchObject([{ name: 'GET', kind: 'server', traceId, parentSpanId }]);
    expect(receiver.spans[0]?.attributes).toEqual({ 'http.request.method': 'GET', 'http.response.status_code': 404 });
    expect(receiver.spans[0]?.resource).toMatchObject({
      'service.name': 'gateway',
      'service.version': '0.1.0',
      'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'process.pid': expect.any(Number),
    });
  });

  it('without an endpoint still gives each request a trace, the one of its caller if it has one', async () => {
    const fixture = start({ FIXTURE: 'tells-trace' });
    const url = await fixture.url;
    const traceOf = async (headers: Record<string, string>, post: RequestInit = {}): Promise<unknown> => {
      const answer = await fetch(new URL('/trace', url), { ...post, headers });
      return ((await answer.json()) as { traceparent: unknown }).traceparent;
    };
    const given = { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'content-type': 'application/json' };
    const ofCaller = /^00-a{32}-(?!b{16})[0-9a-f]{16}-01$/;
    expect(await traceOf(given)).toMatch(ofCaller);
    expect(await traceOf(given, { method: 'POST', body: '{"a":1}' })).toMatch(ofCaller); // whose body is read in between
    const own = await Promise.all([traceOf({}), traceOf({})]);
    for (const each of own) expect(each).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    expect(new Set(own).size).toBe(2);
  });

  it('refuses an older Node in words that say how to start it', () => {
    expect(() => requireNode('20.20.2')).toThrow(/Node 24 or newer and runs on 20\.20\.2: start it through npm/);
    expect(() => requireNode('24.0.0')).not.toThrow();
  });
});
