import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient, verdictOf } from '@anime/comfyui-client';
import { startSimulator, type Simulator } from '@anime/comfyui-simulator';
import {
  ExecutorHeartbeatV1,
  ExecutorRegisteredV1,
  JobAttemptFailedV2,
  JobExecutedV2,
  type ExecutorHeartbeat,
} from '@anime/contracts';
import { executorIdOf, openLog, promptIdOf, provision, type JetStreamLog } from '@anime/event-store';
import { eventsOf } from '@anime/event-store/testing';
import { subscribeLive } from '@anime/messaging';
import { eventually, freePort, spawnService, useNats, type ServiceProcess } from '@anime/testing';
import { z } from 'zod';
import { imageGraph } from './testing/graphs.js';
import { JobLog } from './testing/job-log.js';

const entry = path.join(import.meta.dirname, '..', 'dist', 'main.js');
const nats = useNats();
const open: AsyncDisposable[] = [];
let log: JetStreamLog;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-executor-'));
  const { url } = await nats.server();
  await provision({ natsUrl: url, durables: [] });
  log = openLog({ natsUrl: url, name: 'executor-e2e' });
});
afterAll(async () => {
  await Promise.all(open.toReversed().map((thing) => thing[Symbol.asyncDispose]()));
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

interface Stage {
  readonly name: string;
  readonly executorId: string;
  readonly jobs: JobLog;
}

/** An executor's name of its own for each test: its durable and its lease are shared with no other. */
function stage(): Stage {
  const name = `gpu-${randomUUID()}`;
  const executorId = executorIdOf('studio', name);
  return { name, executorId, jobs: new JobLog(log, executorId) };
}

async function simulator(port = 0): Promise<Simulator> {
  const started = await startSimulator({ dataDir: path.join(dir, randomUUID()), stepDelayMs: 10, port });
  open.push(started);
  return started;
}

async function executor(name: string, url: string, until: 'ready' | 'listening' = 'ready'): Promise<ServiceProcess> {
  const service = await spawnService({
    entry,
    until,
    env: {
      NATS_URL: (await nats.server()).url,
      COMFYUI_URLS: `${name}=${url}`,
      ANIME_BLOBS_DIR: path.join(dir, 'blobs'),
      LOG_LEVEL: 'warn',
      // Drawing a picture after each of hundreds of steps would make the simulator slow.
      ANIME_PREVIEWS: '0',
    },
  });
  open.push(service);
  return service;
}

const untilTrail = (jobs: JobLog, jobId: string, trail: readonly string[]): Promise<boolean> =>
  eventually(async () => JSON.stringify(await jobs.trail(jobId)) === JSON.stringify(trail), {
    what: `the trail is ${trail.join(', ')}`,
  });

const untilSampling = (server: Simulator): Promise<boolean> =>
  eventually(() => server.counters.samplerRuns > 0, { what: 'the sampler runs' });

const Ready = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), reason: z.string().nullable() })),
});
async function readiness(
  service: ServiceProcess,
  check: string,
): Promise<{ readonly status: number; readonly reason: string | null }> {
  const response = await fetch(new URL('/ready', service.url));
  const { checks } = Ready.parse(await response.json());
  return { status: response.status, reason: checks.find(({ name }) => name === check)?.reason ?? null };
}

describe('the comfyui-executor', () => {
  it('registers its server once, says that it is alive, and runs what it is assigned', async () => {
    const { name, executorId, jobs } = stage();
    const server = await simulator();
    const heartbeats: ExecutorHeartbeat[] = [];
    subscribeLive(await nats.connection(), ExecutorHeartbeatV1, (heartbeat) => heartbeats.push(heartbeat), {
      params: { executorId },
    });
    const service = await executor(name, server.url);
    const registered = await eventsOf(log, ExecutorRegisteredV1, executorId);
    expect(registered).toHaveLength(1);
    expect(registered[0]?.data).toMatchObject({ name, comfyuiVersion: '0.33.0', simulator: true });

    const jobId = await jobs.accept();
    await jobs.assign(jobId);
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect((await jobs.fact(JobExecutedV2, jobId)).outputs).toMatchObject([{ node: '9', mediaType: 'image/png' }]);
    await eventually(() => heartbeats.some(({ reachable, queue }) => reachable && queue !== null), {
      what: 'a heartbeat with the queue',
    });

    await service.restart();
    expect(await eventsOf(log, ExecutorRegisteredV1, executorId)).toEqual(registered);
  }, 60_000);

  it('killed in mid-sampling and started again: the job ends with attempt 1 and the server saw one POST', async () => {
    const { name, jobs } = stage();
    const server = await simulator();
    const service = await executor(name, server.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 300 }) });
    await jobs.assign(jobId);
    await untilSampling(server);
    await service.kill('SIGKILL');
    expect(await jobs.trail(jobId)).toEqual(['started']);
    await service.restart();
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect(server.counters).toMatchObject({ promptsPosted: 1, promptsExecuted: { [promptIdOf(jobId, 1)]: 1 } });
  }, 60_000);

  it('killed in mid-sampling and started again when the server has finished: the same', async () => {
    const { name, jobs } = stage();
    const server = await simulator();
    const service = await executor(name, server.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 300 }) });
    await jobs.assign(jobId);
    await untilSampling(server);
    await service.kill('SIGKILL');
    const client = new ComfyClient({ baseUrl: server.url });
    const ended = await eventually(
      async () => {
        const look = await client.look(promptIdOf(jobId, 1));
        return look.state === 'ended' && look.ended;
      },
      { what: 'the server has finished while no executor lives' },
    );
    await client.close();
    expect(verdictOf(ended)).toEqual({ kind: 'success' });
    expect(await jobs.trail(jobId)).toEqual(['started']);
    await service.restart();
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect(await jobs.fact(JobExecutedV2, jobId)).toMatchObject({ attempt: 1, promptId: promptIdOf(jobId, 1) });
    expect(server.counters).toMatchObject({ promptsPosted: 1, promptsExecuted: { [promptIdOf(jobId, 1)]: 1 } });
  }, 60_000);

  it('ended by SIGTERM leaves the prompt running, and the next life adopts it without waiting for the lease', async () => {
    const { name, jobs } = stage();
    const server = await simulator();
    const service = await executor(name, server.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 300 }) });
    await jobs.assign(jobId);
    await untilSampling(server);
    expect(await service.stop()).toEqual({ code: 0, signal: null });
    expect(await jobs.trail(jobId)).toEqual(['started']);
    await service.restart();
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect(server.counters.promptsPosted).toBe(1);
  }, 60_000);

  it('cancels a running job that is ordered to stop', async () => {
    const { name, jobs } = stage();
    const server = await simulator();
    await executor(name, server.url);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 5_000 }) });
    await jobs.assign(jobId);
    await untilSampling(server);
    await jobs.orderCancel(jobId);
    await untilTrail(jobs, jobId, ['started', 'attempt-failed']);
    expect(await jobs.fact(JobAttemptFailedV2, jobId)).toMatchObject({ class: 'cancelled' });
    const queue: unknown = await (await fetch(new URL('/queue', server.url))).json();
    expect(queue).toEqual({ queue_running: [], queue_pending: [] });
  }, 60_000);

  it('waits for a ComfyUI that is away, says so, and runs the job when it comes', async () => {
    const { name, jobs } = stage();
    const port = await freePort();
    const service = await executor(name, `http://127.0.0.1:${port}`, 'listening');
    const before = await eventually(
      async () => {
        const found = await readiness(service, `comfyui ${name}`);
        return found.reason?.includes('does not answer') === true && found;
      },
      { what: 'the reason is known' },
    );
    expect(before).toMatchObject({ status: 503, reason: expect.stringContaining(`127.0.0.1:${port}`) });
    await eventually(
      async () =>
        (await readiness(service, 'consumers')).reason?.includes('is registered when its ComfyUI has answered'),
      { what: 'the consumer says what it waits for' },
    );
    const server = await simulator(port);
    await eventually(async () => (await readiness(service, '')).status === 200, { what: 'ready' });
    const jobId = await jobs.accept();
    await jobs.assign(jobId);
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect(server.counters.promptsPosted).toBe(1);
  }, 60_000);

  it('stops a late prompt of an attempt that has ended as soon as it sees it, and leaves those of others alone', async () => {
    const { name, executorId, jobs } = stage();
    const server = await simulator();
    const jobId = await jobs.accept();
    await jobs.orderCancel(jobId);
    const client = new ComfyClient({ baseUrl: server.url });
    const late = { promptId: promptIdOf(jobId, 1), clientId: randomUUID(), graph: imageGraph({ steps: 5_000 }) };
    await client.submit({ ...late, tags: { anime: { executorId, jobId, attempt: 1 } } });
    const foreign = { promptId: randomUUID(), clientId: randomUUID(), graph: imageGraph({ seed: 2 }), tags: {} };
    await client.submit(foreign);
    await executor(name, server.url);
    await eventually(
      async () => {
        const look = await client.look(late.promptId);
        return look.state === 'ended' && verdictOf(look.ended).kind === 'interrupted';
      },
      { what: 'the late prompt is stopped' },
    );
    await eventually(
      async () => {
        const look = await client.look(foreign.promptId);
        return look.state === 'ended' && verdictOf(look.ended).kind === 'success';
      },
      { what: 'the other one runs to its end' },
    );
    await client.close();
  }, 60_000);

  it('of two processes with one name the second waits, and takes over what the first left when it is killed', async () => {
    const { name, jobs } = stage();
    const server = await simulator();
    const first = await executor(name, server.url);
    const second = await executor(name, server.url, 'listening');
    const waiting = await eventually(
      async () => {
        const found = await readiness(second, `comfyui ${name}`);
        return found.reason?.includes('another process') === true && found;
      },
      { what: 'the second knows the first' },
    );
    expect(waiting.status).toBe(503);
    const jobId = await jobs.accept({ graph: imageGraph({ steps: 400 }) });
    await jobs.assign(jobId);
    await untilSampling(server);
    await first.kill('SIGKILL');
    await untilTrail(jobs, jobId, ['started', 'executed']);
    expect(server.counters.promptsPosted).toBe(1);
    expect((await readiness(second, '')).status).toBe(200);
  }, 60_000);
});
