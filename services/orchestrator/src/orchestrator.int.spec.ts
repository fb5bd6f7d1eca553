import { fileURLToPath } from 'node:url';
import {
  ExecutorHeartbeatV1,
  ExecutorRegisteredV1,
  JobAssignedV2,
  JobCancelRequestedV2,
  JobRequestedV3,
  SchedulerTermStartedV1,
  WorkflowRegisteredV2,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import {
  LEASES_BUCKET,
  openLog,
  provision,
  schedulerIdOf,
  uuidv7,
  type JetStreamLog,
  type RecordedEvent,
} from '@anime/event-store';
import { newerEvent } from '@anime/event-store/testing';
import { KvLease, publishLive } from '@anime/messaging';
import {
  createTestDatabase,
  eventually,
  spawnService,
  useNats,
  type ServiceProcess,
  type TestDatabase,
} from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SAMPLE_WORKFLOW } from './testing/sample-template.js';

const ENTRY = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const EXECUTOR = '018f0000-0000-7000-8000-00000000000e';
const WORKFLOW = '018f0000-0000-7000-8000-00000000000f';
const ignore = (): void => undefined;

describe('the orchestrator as a process', () => {
  const nats = useNats();
  let log: JetStreamLog;
  let database: TestDatabase;
  let env: Record<string, string>;
  const started: ServiceProcess[] = [];

  async function append<C extends EventContract>(contract: C, aggregateId: string, data: EventData<C>): Promise<void> {
    const id = uuidv7();
    const time = new Date().toISOString();
    await log.append({
      contract,
      aggregateId,
      data,
      id,
      time,
      correlationId: id,
      actor: `service:${contract.producer}`,
    });
  }

  async function request(): Promise<string> {
    const jobId = uuidv7();
    const template = { id: 'text-to-image', version: 1 };
    await append(JobRequestedV3, jobId, {
      type: 'image',
      template,
      parameters: { prompt: 'x' },
      seed: 1,
      seedSource: 'given',
      inputs: [],
      limits: {},
      project: null,
    });
    return jobId;
  }

  async function events(aggregate: 'job' | 'scheduler' | 'executor', id: string): Promise<RecordedEvent[]> {
    const found: RecordedEvent[] = [];
    for await (const entry of log.readAggregate(aggregate, id)) if (entry.status === 'event') found.push(entry.event);
    return found;
  }
  const trail = async (jobId: string) => (await events('job', jobId)).map((event) => event.type);
  const terms = async () =>
    (await events('scheduler', schedulerIdOf('studio'))).filter((event) => event.type === SchedulerTermStartedV1.type);
  const assigned = (jobId: string) =>
    eventually(async () => (await trail(jobId)).includes(JobAssignedV2.type), {
      what: `job ${jobId} is assigned`,
    });

  async function start(more: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const service = await spawnService({ entry: ENTRY, env: { ...env, ...more }, name: 'orchestrator' });
    started.push(service);
    return service;
  }

  beforeAll(async () => {
    const server = await nats.server();
    await provision({ natsUrl: server.url });
    database = await createTestDatabase();
    log = openLog({ natsUrl: server.url, name: 'test' });
    env = { NATS_URL: server.url, DATABASE_URL: database.url, LOG_LEVEL: 'warn' };
    await append(WorkflowRegisteredV2, WORKFLOW, SAMPLE_WORKFLOW);
    await append(ExecutorRegisteredV1, EXECUTOR, {
      name: 'comfyui-1',
      comfyuiVersion: '1',
      simulator: true,
      devices: [],
    });
  });
  afterAll(async () => {
    await Promise.all(started.map((service) => service.stop()));
    await log.close();
    await database[Symbol.asyncDispose]();
  });

  it('begins a term, decides, and after kill -9 goes on under the next term', async () => {
    const service = await start();
    const first = await request();
    await assigned(first);
    await service.kill('SIGKILL');
    const second = await request();
    await service.restart();
    await assigned(second);
    expect((await terms()).map((event) => (event.data as { epoch: number }).epoch)).toEqual([1, 2]);
    expect(await trail(first)).toEqual(['job.requested', 'job.accepted', 'job.assigned']);
    await service.stop();
  }, 60_000);

  it('starts from its snapshot after an orderly stop, and from the whole log when the snapshot is lost', async () => {
    const service = await start();
    await service.stop();
    const pending = await request();
    await service.restart();
    await eventually(async () => (await trail(pending)).includes('job.accepted'), { what: 'the job is accepted' });
    await service.stop();
    const withoutDatabase = await spawnService({
      entry: ENTRY,
      name: 'orchestrator',
      env: { ...env, DATABASE_URL: 'postgres://nobody:nothing@127.0.0.1:1/none' },
    });
    started.push(withoutDatabase);
    const last = await request();
    await eventually(async () => (await trail(last)).includes('job.accepted'), {
      what: 'a job is accepted without PostgreSQL',
    });
    const report = (await (await fetch(`${withoutDatabase.url}/ready`)).json()) as {
      checks: { name: string; reason: string | null }[];
    };
    expect(report.checks.find((check) => check.name === 'snapshots')?.reason).toMatch(/snapshot/);
    await withoutDatabase.stop();
  }, 60_000);

  it('hands the lease over at an orderly stop, so that a standby leads within a moment', async () => {
    const leader = await start();
    const before = (await terms()).length;
    const standby = await start();
    const ready = (await (await fetch(`${standby.url}/ready`)).json()) as {
      checks: { name: string; reason: string | null }[];
    };
    expect(ready.checks.find((check) => check.name === 'leadership')?.reason).toMatch(/standby/);
    await leader.stop();
    await eventually(async () => (await terms()).length > before, {
      what: 'the standby begins a term',
    });
    const jobId = await request();
    await eventually(async () => (await trail(jobId)).includes('job.accepted'), { what: 'the standby decides' });
    await standby.stop();
  }, 60_000);

  it('takes its jobs from an executor whose server does not answer it, until it does', async () => {
    const service = await start({ ANIME_SERVER_LIMIT_MS: '5000' });
    const given: string[] = [];
    for await (const entry of log.read({ after: 0 }))
      if (entry.status === 'event' && entry.event.type === JobAssignedV2.type) given.push(entry.event.aggregateId);
    expect(given).not.toEqual([]);
    const executorTrail = async () => (await events('executor', EXECUTOR)).map(({ type }) => type);
    const nc = await log.connected();
    const beat = (reachable: boolean): void => {
      const message = { executorId: EXECUTOR, name: 'comfyui-1', reason: null, jobId: null, queue: null };
      const at = new Date().toISOString();
      publishLive(nc, ExecutorHeartbeatV1, { executorId: EXECUTOR }, { ...message, reachable, at });
    };
    const beatUntil = (reachable: boolean, type: string) =>
      eventually(
        async () => {
          beat(reachable);
          return (await executorTrail()).at(-1) === type;
        },
        { what: type, intervalMs: 500 },
      );
    await beatUntil(false, 'executor.lost');
    await eventually(
      async () => (await Promise.all(given.map(trail))).every((types) => types.includes('job.attempt-lost')),
      { what: 'what was given to it is lost' },
    );
    const said = (await events('executor', EXECUTOR)).filter(({ type }) => type === 'executor.lost');
    expect(said.map(({ data }) => (data as { silentMs: number }).silentMs >= 5_000)).toEqual([true]);
    await beatUntil(true, 'executor.recovered');
    await service.stop();
  }, 60_000);

  it('leaves the lead to another process when it meets an event that is newer than its build', async () => {
    const service = await start();
    const jobId = await request();
    await eventually(async () => (await trail(jobId)).includes('job.accepted'), { what: 'it decides' });
    await log.append(newerEvent(JobCancelRequestedV2, uuidv7()));
    // Stands for a newer build. While the other lives it gets the lease only if that one lets go.
    const quiet = { debug: ignore, info: ignore, warn: ignore, error: ignore };
    const lease = { log, bucket: LEASES_BUCKET, key: 'orchestrator', holder: 'newer', ttlMs: 3_000, logger: quiet };
    const newer = new KvLease(lease);
    expect(await newer.acquire(AbortSignal.timeout(30_000))).toBe(true);
    const ready = await fetch(`${service.url}/ready`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('job.cancel-requested.v99')]);
    await newer.release();
  }, 60_000);
});
