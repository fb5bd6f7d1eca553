import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ExecutorRegisteredV1 } from '@anime/contracts';
import { Job, JobPage, JobTrail, Queue, type JobSummary } from '@anime/contracts/http';
import { MemoryLog } from '@anime/event-store/memory';
import { projectionRow, type Database } from '@anime/projections';
import { createTestDatabase, type TestDatabase } from '@anime/testing';
import { jobsProjection } from '../../projections/jobs/jobs.projection.js';
import { otherEvents } from '../../projections/jobs/testing/other-events.js';
import { EXECUTOR, jobEvents, sample, STORIES, type StoryName } from '../../projections/jobs/testing/sample-events.js';
import { sampleJobId } from '../../projections/jobs/testing/sample-log.js';
import { encodeCursor, TimeCursor } from './cursor.js';
import { gatewayDatabase } from './gateway-database.js';
import { JobsReadModel, type JobFilter } from './jobs-read-model.js';

const NAMES = ['completed', 'retriedAndFailed', 'cancelled', 'rejected', 'notFiled'] as const satisfies StoryName[];
const PROJECT = sampleJobId(999);
const JOBS = 30;
/** Job n tells story n mod 5; every third is a video, every fourth belongs to the project; pairs share an instant. */
const storyOf = (n: number): StoryName => NAMES[n % NAMES.length] ?? 'completed';
const PROMPTS = ['a 100% red_umbrella', 'A RED umbrella', 'back\\slash', 'c\u0000ut', "it's 🦊"];

describe('JobsReadModel', () => {
  const log = new MemoryLog();
  let server: TestDatabase;
  let database: Database;
  let reads: JobsReadModel;
  const catchUp = async (): Promise<void> => {
    const row = projectionRow(jobsProjection, database, 'rebuild');
    await using _released = { [Symbol.asyncDispose]: () => row.release() };
    const stop = new AbortController();
    await log.follow({
      after: await row.loadCheckpoint(),
      signal: stop.signal,
      onBatch: async (batch) => {
        await row.onBatch(batch);
        if (batch.caughtUp) stop.abort();
      },
    });
  };

  beforeAll(async () => {
    server = await createTestDatabase();
    database = gatewayDatabase(server.url);
    reads = new JobsReadModel(database);
    for (const event of otherEvents('studio-1', 1)) await log.append(event);
    for (let n = 0; n < JOBS; n += 1) {
      const options = {
        type: n % 3 === 0 ? 'video' : 'image',
        project: n % 4 === 0 ? PROJECT : null,
        minute: Math.floor(n / 2),
      } as const;
      for (const event of STORIES[storyOf(n)](sampleJobId(n), {
        ...options,
        prompt: PROMPTS[n % PROMPTS.length] ?? '',
      }))
        await log.append(event);
    }
    // Three jobs that are still open: running, queued, requested; accepted in the other order than requested.
    const [running, queued, requested] = [100, 101, 102].map((n) => jobEvents(sampleJobId(n), { minute: n }));
    if (running === undefined || queued === undefined || requested === undefined) throw new Error('three jobs');
    for (const event of [requested.requested, queued.requested, running.requested]) await log.append(event);
    for (const event of [queued.accepted, running.accepted, running.assigned(1), running.started(1)])
      await log.append(event);
    await log.putRaw({ subject: `${log.root}.job.nobody.gateway`, data: 'rubbish' });
    await catchUp();
  }, 60_000);
  afterAll(async () => {
    await database.close();
    await server[Symbol.asyncDispose]();
  });

  async function pages(filter: JobFilter): Promise<JobSummary[]> {
    const items: JobSummary[] = [];
    let cursor: string | undefined;
    do {
      const page = await reads.list({ ...filter, cursor });
      items.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return items;
  }
  const ids = (jobs: readonly JobSummary[]): string[] => jobs.map(({ id }) => id);

  it('tells everything about a job, in the form that the API promises', async () => {
    const [completed, failed, cancelled] = await Promise.all([0, 1, 2].map((n) => reads.get(sampleJobId(n))));
    const links = { self: 's', events: 'e', cancel: 'c', retry: 'r' };
    for (const job of [completed, failed, cancelled]) expect(Job.safeParse({ ...job, links }).error).toBeUndefined();
    expect(completed).toMatchObject({
      status: 'completed',
      verdict: 'passed',
      seed: Number.MAX_SAFE_INTEGER,
      project: PROJECT,
      attempts: [
        { attempt: 1, status: 'executed', executionMs: 1234.5678901234567, gate: { verdict: 'passed', rule: 'none' } },
      ],
      outputs: [{ node: '9', size: 12_345 }],
      files: [{ role: 'sidecar' }, { role: 'output', width: 512 }],
      scores: [
        {
          scorerBuild: 'build-1',
          metrics: [
            { id: 'aesthetic', status: 'unavailable' },
            { id: 'sharpness', value: 0.1 + 0.2 },
          ],
        },
        { scorerBuild: 'build-2' },
      ],
    });
    expect(failed).toMatchObject({
      status: 'failed',
      attempt: 2,
      failure: { class: 'transient' },
      attempts: [{ status: 'failed' }, { status: 'failed' }],
    });
    expect(cancelled).toMatchObject({
      status: 'cancelled',
      cancelRequested: true,
      attempts: [{ failure: { class: 'cancelled' } }],
    });
    expect(await reads.get(sampleJobId(12_345))).toBeUndefined();
  });

  it('tells the trail of a job in the order of the log, up to the position that the job names', async () => {
    const events = await reads.events(sampleJobId(1));
    expect(events.map(({ type }) => type)).toEqual(
      STORIES.retriedAndFailed(sampleJobId(1)).map(({ contract }) => contract.type),
    );
    const job = await reads.get(sampleJobId(1));
    expect(events.at(-1)?.position).toBe(job?.position);
    expect(JobTrail.safeParse({ jobId: sampleJobId(1), events, position: 1 }).error).toBeUndefined();
    expect(await reads.events(sampleJobId(12_345))).toEqual([]);
  });

  it('pages through all jobs, newest request first, without gap or repeat, whatever the size of a page', async () => {
    const all = await pages({ limit: 200 });
    expect(all).toHaveLength(JOBS + 3);
    const order = [...all].sort((a, b) =>
      a.requestedAt === b.requestedAt ? (a.id < b.id ? 1 : -1) : a.requestedAt < b.requestedAt ? 1 : -1,
    );
    expect(ids(all)).toEqual(ids(order));
    for (const limit of [1, 7, 33]) expect(ids(await pages({ limit }))).toEqual(ids(all));
    expect(JobPage.safeParse({ jobs: all, nextCursor: null, position: 1 }).error).toBeUndefined();
  });

  it('filters by status, project, type and time, together', async () => {
    const all = await pages({});
    const from = new Date(Date.parse('2026-01-01T00:05:00.000Z')).toISOString();
    const to = new Date(Date.parse('2026-01-01T00:10:00.000Z')).toISOString();
    const filter: JobFilter = { status: ['completed', 'failed'], project: PROJECT, type: 'image', from, to };
    const expected = all.filter(
      (job) =>
        ['completed', 'failed'].includes(job.status) &&
        job.project === PROJECT &&
        job.type === 'image' &&
        job.requestedAt >= from &&
        job.requestedAt < to,
    );
    expect(expected.length).toBeGreaterThan(0);
    expect(ids(await pages(filter))).toEqual(ids(expected));
    expect(await pages({ status: ['rejected'] })).toHaveLength(JOBS / 5);
    expect(await pages({ project: sampleJobId(1) })).toEqual([]);
  });

  it('finds text in prompts as it is written, in upper or lower case', async () => {
    const found = async (text: string): Promise<string[]> =>
      [...new Set((await pages({ text })).map(({ prompt }) => prompt ?? ''))].sort();
    expect(await found('red')).toEqual(['A RED umbrella', 'a 100% red_umbrella']);
    expect(await found('100%')).toEqual(['a 100% red_umbrella']);
    expect(await found('d_u')).toEqual(['a 100% red_umbrella']);
    expect(await found('k\\s')).toEqual(['back\\slash']);
    expect(await found("'s 🦊")).toEqual(["it's 🦊"]);
    expect(await found('c\u0000u')).toEqual(['c\uFFFDut']);
    expect(await found('%%')).toEqual([]);
  });

  it.each([
    '',
    'x',
    '%',
    Buffer.from('{"id":1}').toString('base64url'),
    `${encodeCursor(TimeCursor, { at: '2026-01-01T00:00:00.000Z', id: PROJECT })}=`,
  ])('refuses a cursor that it did not make: %s', async (cursor) => {
    await expect(reads.list({ cursor })).rejects.toMatchObject({ code: 'bad-cursor', status: 400 });
  });

  it('shows the queue in the order of acceptance, what runs, and how many jobs are in each status', async () => {
    const queue = await reads.queue();
    expect(ids(queue.queued)).toEqual([sampleJobId(101), sampleJobId(102)]);
    expect(queue.running).toMatchObject([{ id: sampleJobId(100), status: 'running' }]);
    expect(queue.counts).toEqual({
      requested: 1,
      queued: 1,
      assigned: 0,
      running: 1,
      executed: 0,
      completed: 12,
      failed: 6,
      cancelled: 6,
      rejected: 6,
    });
    expect(Queue.shape.counts.safeParse(queue.counts).error).toBeUndefined();
  });

  it('counts what waits no further than it is asked to, and says up to where it has read', async () => {
    const position = await log.end();
    expect(await reads.waiting(10)).toEqual({ count: 2, position });
    expect(await reads.waiting(1)).toEqual({ count: 1, position });
    expect(await reads.waiting(10, PROJECT)).toEqual({ count: 0, position });
  });

  it('lists templates, and says how far it has read', async () => {
    expect(await reads.templates()).toMatchObject([
      { slug: 'studio-1', version: 1, manifest: { id: 'text-to-image' }, built_in: true },
    ]);
    expect(await reads.position()).toBe(await log.end());
    await reads.waitFor(await log.end(), { timeoutMs: 0 });
    await expect(reads.waitFor((await log.end()) + 1, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'position-not-reached',
    });
  });

  it('searches prompts by an index where the server has pg_trgm', async () => {
    const [{ installed }] = (await database.query<{ installed: boolean }>(
      `select exists(select from pg_extension where extname = 'pg_trgm') as installed`,
    )) as [{ installed: boolean }];
    const indexes = await database.query(`select 1 from pg_indexes where indexname = 'job_requests_prompt_idx'`);
    expect(indexes).toHaveLength(installed ? 1 : 0);
  });

  it('shows what a lost executor still made as the attempt that it was, and not as the work of the job', async () => {
    const id = sampleJobId(200);
    for (const event of STORIES.movedElsewhere(id)) await log.append(event);
    await catchUp();
    const job = await reads.get(id);
    expect(Job.safeParse({ ...job, links: { self: 's', events: 'e', cancel: 'c', retry: 'r' } }).error).toBeUndefined();
    expect(job).toMatchObject({
      status: 'completed',
      attempt: 2,
      attempts: [
        { attempt: 1, status: 'lost', failure: { class: 'executor-lost' } },
        { attempt: 2, status: 'executed', failure: null },
      ],
    });
    expect(job?.outputs.map(({ attempt }) => attempt)).toEqual([2]);
  });

  it('tells of an attempt that was declined why, and of the one that ran what it ran in and what with', async () => {
    const id = sampleJobId(201);
    const [request, accepted, ...rest] = STORIES.declined(id);
    if (request === undefined || accepted === undefined) throw new Error('a story');
    const registered = { name: 'comfyui-1', comfyuiVersion: '0.33.0', simulator: true, devices: [] };
    await log.append(sample(ExecutorRegisteredV1, EXECUTOR, registered, 0));
    for (const event of [request, accepted, ...rest.slice(0, 3)]) await log.append(event);
    await catchUp();
    const links = { self: 's', events: 'e', cancel: 'c', retry: 'r' };
    const waits = await reads.get(id);
    const held = {
      executorId: expect.any(String),
      neededBytes: 6 * 2 ** 30,
      freeBytes: 2 ** 30,
      message: 'others hold what it needs',
      at: expect.any(String),
    };
    // One that was never tried is told why it is not.
    expect(await reads.get(sampleJobId(101))).toMatchObject({ waiting: { last: null, memoryHeld: [held] } });
    expect(Job.safeParse({ ...waits, links }).error).toBeUndefined();
    expect(waits).toMatchObject({
      status: 'queued',
      attempt: 2,
      waiting: {
        notBefore: '2026-01-01T00:00:05.000Z',
        last: { attempt: 1, class: 'declined', reason: 'no-memory', message: 'others hold what it needs' },
        next: { variant: 'normal', vramGb: 6.5, freeMemory: false, avoid: [expect.any(String)] },
        memoryHeld: [held],
      },
      limits: { maxAttempts: 3, maxRunSeconds: null },
      attempts: [
        {
          status: 'declined',
          decline: { reason: 'no-memory', evidence: { memory: { neededBytes: 6 * 2 ** 30 } } },
          failure: null,
          endedAt: expect.any(String),
        },
      ],
    });
    for (const event of rest.slice(3)) await log.append(event);
    await catchUp();
    const done = await reads.get(id);
    expect(Job.safeParse({ ...done, links }).error).toBeUndefined();
    expect(done).toMatchObject({
      waiting: null,
      attempts: [
        { status: 'declined', environment: null, models: null },
        {
          status: 'executed',
          freeMemory: false,
          vramGb: 6.5,
          cachedNodes: ['4'],
          models: [{ name: 'anime-v1.safetensors', sha256: null }],
          vramPeakBytes: 5 * 2 ** 30,
        },
      ],
      outputs: [{ pixelSha256: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
  });

  it('lets a job wait for its first attempt, and one that is tried again by hand for its next', async () => {
    const fresh = await reads.get(sampleJobId(101));
    expect(fresh).toMatchObject({
      status: 'queued',
      waiting: { notBefore: null, last: null, next: null, memoryHeld: [] },
    });
    const id = sampleJobId(202);
    for (const event of STORIES.triedAgain(id).slice(0, 7)) await log.append(event);
    await catchUp();
    expect(await reads.get(id)).toMatchObject({
      status: 'queued',
      failure: null,
      endedAt: null,
      waiting: { notBefore: null, last: { attempt: 1, class: 'gpu-fault', message: 'it broke' }, next: null },
      attempts: [{ environment: expect.stringMatching(/^[0-9a-f]{64}$/) }],
    });
  });
});
