import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openLog, provision } from '@anime/event-store';
import { createGatewayClient, unwrap, type GatewayClient } from '@anime/gateway-client';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { rebuild } from '@anime/projections';
import {
  createTestDatabase,
  eventually,
  spawnService,
  useNats,
  type ServiceProcess,
  type TestDatabase,
} from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';
import { jobsProjection } from './projections/jobs/jobs.projection.js';

const ENTRY = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const nats = useNats();
const check = new AnswerCheck();
const started: ServiceProcess[] = [];
let database: TestDatabase;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-gateways-'));
  database = await createTestDatabase();
  await provision({ natsUrl: (await nats.server()).url });
});
afterAll(async () => {
  await Promise.all(started.map((service) => service.stop()));
  await database[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

async function gateway(): Promise<ServiceProcess> {
  const { url } = await nats.server();
  const env = { NATS_URL: url, DATABASE_URL: database.url, ANIME_BLOBS_DIR: path.join(dir, 'blobs'), NATS_SYNCED: '1' };
  const service = await spawnService({ entry: ENTRY, env });
  started.push(service);
  return service;
}

const clientOf = ({ url }: ServiceProcess): GatewayClient => createGatewayClient(url, { fetch: check.fetch });

async function request(service: ServiceProcess): Promise<{ jobId: string; position: number }> {
  const body = { prompt: 'a lighthouse' };
  const answer = await unwrap(clientOf(service).POST('/api/anime/generate/image', { body }));
  if (!('jobId' in answer)) throw new Error('the gateway answered with a whole job');
  return { jobId: answer.jobId, position: answer.position };
}

async function seen(
  service: ServiceProcess,
  { jobId, position }: { jobId: string; position: number },
): Promise<number> {
  const params = { path: { id: jobId }, query: { after: position, wait: 20 } };
  return (await clientOf(service).GET('/api/anime/jobs/{id}', { params })).response.status;
}

/** What every gateway says of its `jobs` read-model. */
async function states(service: ServiceProcess): Promise<string[]> {
  const { services } = await unwrap(clientOf(service).GET('/api/anime/system'));
  return services
    .flatMap(({ consumers }) => consumers.filter(({ name }) => name === 'jobs').map(({ state }) => state))
    .sort();
}

/** Whether a gateway says of itself that its `jobs` read-model is in this state. */
async function is(state: 'running' | 'standby', { url }: ServiceProcess): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return new RegExp(`^anime_consumer_${state}\\{.*consumer="jobs".*\\} 1$`, 'm').test(metrics);
}

/** Fails when the read-model is not, down to every version of every row, what the log makes of it. */
async function checkParity(): Promise<void> {
  const log = openLog({ natsUrl: (await nats.server()).url, name: 'parity' });
  const own = gatewayDatabase(database.url);
  try {
    await rebuild(jobsProjection, log, own, { checkParity: true });
  } finally {
    await Promise.all([log.close(), own.close()]);
  }
}

const isReady = async ({ url }: ServiceProcess): Promise<boolean> => (await fetch(`${url}/ready`)).ok;

describe('two gateways on one database', () => {
  it('are both ready, answer alike, and the second builds the read-model on when the first is killed', async () => {
    const first = await gateway();
    const before = await request(first);
    const second = await gateway();
    expect([await isReady(first), await isReady(second)]).toEqual([true, true]);
    await eventually(async () => (await states(second)).join() === 'running,standby', {
      what: 'one builds, one stands by',
    });
    expect([await is('running', first), await is('standby', second)]).toEqual([true, true]);

    expect(await seen(second, before)).toBe(200);
    expect(await seen(second, await request(first))).toBe(200);
    expect(await seen(first, await request(second))).toBe(200);
    expect(await seen(second, await request(second))).toBe(200);

    await first.kill('SIGKILL');
    const after = await request(second);
    expect(await seen(second, after)).toBe(200);
    await eventually(() => isReady(second), { what: 'the second is ready' });
    expect(await states(second)).toContain('running');

    await first.restart();
    expect([await isReady(first), await isReady(second)]).toEqual([true, true]);
    expect(await seen(first, after)).toBe(200);
    const began = performance.now();
    await first.stop();
    // A standby waits for nothing when it is told to stop.
    expect(performance.now() - began).toBeLessThan(5_000);
    await second.stop();
  }, 90_000);

  it('go on when the first hangs; once it runs again it stands by, and nothing was written twice', async () => {
    const first = await gateway();
    await eventually(() => is('running', first), { what: 'the first builds the read-model' });
    const second = await gateway();
    await eventually(() => is('standby', second), { what: 'the second stands by' });
    expect(await seen(first, await request(first))).toBe(200);
    process.kill(first.pid, 'SIGSTOP');
    try {
      const during = await request(second);
      await eventually(() => is('running', second), { what: 'the second takes over', timeoutMs: 25_000 });
      expect(await seen(second, during)).toBe(200);
    } finally {
      process.kill(first.pid, 'SIGCONT');
    }
    await eventually(async () => (await is('standby', first)) && (await isReady(first)), {
      what: 'the first finds that it lost its locks',
    });
    expect(await isReady(second)).toBe(true);
    expect(await seen(first, await request(first))).toBe(200);
    await checkParity();
  }, 120_000);
});
