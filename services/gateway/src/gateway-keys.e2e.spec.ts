import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startNatsServer, type NatsServer } from '@anime/embedded-servers';
import { provision } from '@anime/event-store';
import { createGatewayClient, unwrap, type GatewayClient } from '@anime/gateway-client';
import { AnswerCheck } from '@anime/gateway-client/testing';
import {
  createTestDatabase,
  eventually,
  spawnService,
  startOtlpReceiver,
  type ServiceProcess,
  type TestDatabase,
} from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';

const ENTRY = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const EX_CONFIG = 78;
/** Personal, and the same in every encoding: files are searched byte by byte. */
const NAME = 'Quillbertine';
const check = new AnswerCheck();
const started: ServiceProcess[] = [];
let nats: NatsServer;
let database: TestDatabase;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-gateways-'));
  database = await createTestDatabase();
  nats = await startNatsServer({ syncAlways: false, dataDir: path.join(dir, 'nats') });
  await provision({ natsUrl: nats.url });
});
afterAll(async () => {
  await Promise.all(started.map((service) => service.stop()));
  await nats.stop();
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

/** What a gateway that others reach runs with. */
const environment = () => ({
  NATS_URL: nats.url,
  DATABASE_URL: database.url,
  ANIME_BLOBS_DIR: path.join(dir, 'blobs'),
  ANIME_KEYS_DIR: path.join(dir, 'keys'),
  NATS_SYNCED: '1',
  HOST: '0.0.0.0',
  PORT: '0',
  LOG_LEVEL: 'trace',
});

async function gateway(until: 'ready' | 'listening' = 'ready'): Promise<ServiceProcess> {
  const service = await spawnService({ entry: ENTRY, env: environment(), until });
  started.push(service);
  return service;
}

/** Runs the gateway's binary until it ends. */
function runBinary(args: readonly string[], env: Record<string, string> = {}) {
  const { NODE_OPTIONS: _options, JEST_WORKER_ID: _worker, ...own } = process.env;
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; out: string; err: string }>();
  execFile(process.execPath, [ENTRY, ...args], { env: { ...own, ...environment(), ...env } }, (error, out, err) =>
    resolve({ code: error === null ? 0 : error.code, out, err }),
  );
  return promise;
}

const clientOf = ({ url }: ServiceProcess, apiKey: string): GatewayClient =>
  createGatewayClient(url, { fetch: check.fetch, apiKey });
const statusFor = async (service: ServiceProcess, key: string): Promise<number> =>
  (await clientOf(service, key).GET('/api/anime/queue')).response.status;
const isRefused = async (service: ServiceProcess, key: string): Promise<boolean> =>
  (await statusFor(service, key)) === 401;
async function newAdmin(): Promise<string> {
  const { code, out, err } = await runBinary(['keys', 'create', '--admin', '--label', 'the first one']);
  expect([code, err]).toEqual([0, expect.stringMatching(/^Issued key [0-9a-f-]{36} \(anime_.{4}…\) with admin/)]);
  return out.trim();
}

describe('a gateway that others reach', () => {
  it('refuses to start while there is no key, and says how to make one; starts once there is', async () => {
    const refused = await runBinary([]);
    expect(refused.code).toBe(EX_CONFIG);
    expect(refused.err).toMatch(
      /HOST: others reach 0\.0\.0\.0, .* `npm run -s keys -w @anime\/gateway -- create --admin`/,
    );
    expect((await runBinary([], { HOST: '127.0.0.1', ANIME_LOCAL_USER: '0' })).err).toMatch(
      /ANIME_LOCAL_USER: is 0, .* create --admin`/,
    );
    const limited = await runBinary(['keys', 'create', '--scopes', 'jobs:read,jobs:write']);
    expect(limited).toMatchObject({ code: 0, out: expect.stringMatching(/^anime_[\w-]{43}\n$/) });
    // Nobody could make another with this one.
    expect(await runBinary([])).toMatchObject({ code: EX_CONFIG });

    const key = await newAdmin();
    const service = await gateway();
    expect(await statusFor(service, key)).toBe(200);
    expect((await fetch(`${service.url}/api/anime/queue`)).status).toBe(401);
    expect(service.output()).not.toContain(key.slice(10));
    await service.stop();
  }, 180_000);

  it('sends the span of a key that its own binary issues before that ends', async () => {
    await using receiver = await startOtlpReceiver();
    const { code } = await runBinary(['keys', 'create', '--admin'], { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
    expect(code).toBe(0);
    expect(receiver.spans.map(({ name }) => name)).toContain('publish api-key.issued');
  }, 60_000);

  it('cannot be told to have a user without a key', async () => {
    expect(await runBinary([], { ANIME_LOCAL_USER: '1' })).toMatchObject({
      code: EX_CONFIG,
      err: expect.stringContaining('ANIME_LOCAL_USER'),
    });
  });

  it('that finds NATS away when it starts takes no key, says so, and serves as soon as NATS is back', async () => {
    const key = await newAdmin();
    await nats.kill();
    const service = await gateway('listening');
    const { error, response } = await clientOf(service, key).GET('/api/anime/queue');
    expect([response.status, error?.code]).toEqual([503, 'log-unavailable']);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await fetch(`${service.url}/ready`)).status).toBe(503);
    expect((await fetch(`${service.url}/health`)).status).toBe(200);
    await nats.restart();
    await eventually(async () => (await statusFor(service, key)) === 200, { what: 'the key is known' });
    await service.stop();
  }, 180_000);
});

describe('two gateways of a studio', () => {
  it('know a revocation at once, also after a restart, and nothing that they leave behind holds a key', async () => {
    const admin = await newAdmin();
    const [first, second] = [await gateway(), await gateway()];
    const client = clientOf(first, admin);
    const issue = () => unwrap(client.POST('/api/anime/keys', { body: { scopes: ['jobs:read'], label: NAME } }));
    const made = await issue();
    await unwrap(clientOf(second, admin).POST('/api/anime/generate/image', { body: { prompt: 'a fox' } }));

    const msToOther: number[] = [];
    for (const { id, key } of [made, await issue(), await issue()]) {
      await eventually(async () => (await statusFor(second, key)) === 200, { what: 'the other knows the key' });
      // From the request on, as the answer waits until the gateway that is asked has itself read the event.
      const asked = performance.now();
      await unwrap(client.POST('/api/anime/keys/{id}/revoke', { params: { path: { id } } }));
      expect(await isRefused(first, key)).toBe(true);
      await eventually(() => isRefused(second, key), { what: 'the other refuses the key', intervalMs: 1 });
      msToOther.push(performance.now() - asked);
    }
    // The second is the promise; a busy machine may hold one of them up.
    expect(Math.min(...msToOther)).toBeLessThan(1_000);

    await first.kill('SIGKILL');
    await first.restart();
    expect(await isRefused(first, made.key)).toBe(true);
    expect(await statusFor(first, admin)).toBe(200);

    const secrets = [admin, made.key].map((key) => key.slice(10));
    const left = [
      ...(await filesBelow(dir)),
      ...(await messages()),
      ...(await rows()),
      first.output(),
      second.output(),
    ];
    expect(left.some((text) => text.includes(made.id))).toBe(true);
    for (const secret of secrets) expect(left.filter((text) => text.includes(secret))).toEqual([]);
    expect(left.filter((text) => text.includes(NAME))).toEqual([]);
  }, 180_000);
});

/** The content of every file of the studio. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  return Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
}

/** Every message of every stream with its headers: on disk they are compressed. */
async function messages(): Promise<string[]> {
  const nc = await connect({ servers: nats.url });
  try {
    const found: string[] = [];
    const manager = await jetstreamManager(nc);
    for await (const { config, state } of manager.streams.list()) {
      if (state.messages === 0) continue;
      const consumer = await jetstream(nc).consumers.get(config.name);
      for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 2_000 })) {
        found.push(`${message.subject} ${JSON.stringify([...(message.headers ?? [])])} ${message.string()}`);
      }
    }
    return found;
  } finally {
    await nc.close();
  }
}

/** Every row of every table. */
async function rows(): Promise<string[]> {
  const own = gatewayDatabase(database.url);
  try {
    const session = await own.session();
    const tables = await session.query<{ name: string }>(
      `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
       where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')`,
    );
    const found: string[] = [];
    for (const { name } of tables) {
      found.push(JSON.stringify(await session.query(`select row_to_json(t) from ${name} t`)));
    }
    return found;
  } finally {
    await own.close();
  }
}
