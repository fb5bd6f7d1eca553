import {
  JobAcceptedV3,
  JobAssignedV2,
  JobCompletedV1,
  JobExecutedV2,
  JobRequestedV3,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { uuidv7 } from '@anime/event-store';
import { unwrap } from '@anime/gateway-client';
import { CHECKPOINTS } from '@anime/projections';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { gatewayDatabase } from './adapters/postgres/gateway-database.js';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const IMAGE = '/api/anime/generate/image';
const SHA = 'a'.repeat(64);
const EXECUTOR = '018f0000-0000-7000-8000-000000000002';
const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check, env: { ANIME_CHECKPOINT: 'studio.safetensors' } });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

const FACTS = { correlationId: EXECUTOR, actor: 'service:orchestrator' };
async function append<C extends EventContract>(contract: C, aggregateId: string, data: EventData<C>): Promise<number> {
  const { position } = await gateway.log.append({
    ...FACTS,
    id: uuidv7(),
    time: new Date().toISOString(),
    contract,
    aggregateId,
    data,
  });
  return position;
}
const submit = async (prompt = 'a fox') =>
  unwrap(gateway.client.POST(IMAGE, { params: {}, body: { prompt } })) as Promise<{ jobId: string; position: number }>;
/** Puts what is no event on a job's subject. @returns its position */
async function putGarbage(jobId: string): Promise<number> {
  const connection = await nats.connection();
  connection.publish(`anime.job.${jobId}.gateway`, 'garbage');
  await connection.flush();
  return gateway.log.end();
}
const complete = (jobId: string) => append(JobCompletedV1, jobId, { attempt: 1, verdict: 'passed' });

describe('a request for a job', () => {
  it('is answered when it is in the log, with everything resolved', async () => {
    const before = await gateway.log.end();
    const { status, headers, body } = await gateway.send('POST', IMAGE, {
      body: { prompt: 'a fox', seed: 5, width: 512 },
    });
    expect(status).toBe(202);
    const jobId = String(body['jobId']);
    expect(body).toEqual({
      jobId,
      position: before + 1,
      status: 'requested',
      type: 'image',
      seed: 5,
      template: { id: 'text-to-image', version: 1 },
      links: {
        self: `/api/anime/jobs/${jobId}`,
        events: `/api/anime/jobs/${jobId}/events`,
        cancel: `/api/anime/jobs/${jobId}/cancel`,
        retry: `/api/anime/jobs/${jobId}/retry`,
      },
    });
    expect(headers.get('location')).toBe(`/api/anime/jobs/${jobId}`);
    const last = await gateway.log.lastOnSubject(JobRequestedV3, jobId);
    expect(last).toMatchObject({
      position: before + 1,
      event: {
        data: {
          parameters: { prompt: 'a fox', seed: 5, width: 512, checkpoint: 'studio.safetensors' },
          seedSource: 'given',
          project: null,
        },
      },
    });
  });

  it('makes a clip through its own path, and either through the one with a type', async () => {
    expect(
      await gateway.send('POST', '/api/anime/generate/video', { body: { prompt: 'a fox', frames: 8, fps: 8 } }),
    ).toMatchObject({
      status: 202,
      body: { type: 'video', template: { id: 'text-to-animation', version: 1 } },
    });
    for (const type of ['image', 'video']) {
      expect(await gateway.send('POST', '/api/anime/generate', { body: { prompt: 'a fox', type } })).toMatchObject({
        status: 202,
        body: { type },
      });
    }
  });

  it('carries the caller’s correlation id', async () => {
    const correlation = uuidv7();
    const { body } = await gateway.send('POST', IMAGE, {
      body: { prompt: 'a fox' },
      headers: { 'x-correlation-id': correlation },
    });
    expect(await gateway.log.lastOfAggregate('job', String(body['jobId']))).toMatchObject({
      event: { correlationId: correlation },
    });
  });

  it('that waits gets the whole job if it ends in time, and the usual answer if not', async () => {
    const before = await gateway.log.end();
    const waiting = gateway.send('POST', `${IMAGE}?wait=20`, { body: { prompt: 'a fox' } });
    const jobId = await eventually(
      async () => {
        for await (const entry of gateway.log.read({ after: before })) {
          if (entry.status === 'event' && entry.event.type === 'job.requested') return entry.event.aggregateId;
        }
        return undefined;
      },
      { what: 'the request is in the log' },
    );
    await complete(jobId);
    expect(await waiting).toMatchObject({ status: 200, body: { id: jobId, status: 'completed', verdict: 'passed' } });
    expect(await gateway.send('POST', `${IMAGE}?wait=0.1`, { body: { prompt: 'a fox' } })).toMatchObject({
      status: 202,
    });
  });
});

describe('reading jobs', () => {
  it('finds a job at once after it was acknowledged', async () => {
    const { jobId } = await submit();
    expect(await gateway.send('GET', `/api/anime/jobs/${jobId}`)).toMatchObject({
      status: 200,
      body: { id: jobId, status: 'requested' },
    });
    const trail = await gateway.send('GET', `/api/anime/jobs/${(await submit()).jobId}/events`);
    expect(trail).toMatchObject({ status: 200, body: { events: [{ type: 'job.requested', producer: 'gateway' }] } });
  });

  it('says that a job is not shown yet, never that it does not exist, while the read-model stands still', async () => {
    const own = gatewayDatabase(gateway.databaseUrl);
    const session = await own.session();
    try {
      await session.query('begin');
      await session.query(`select 1 from ${own.table(CHECKPOINTS.name)} for update`);
      const [plain, behindGarbage] = [await submit(), await submit()];
      await putGarbage(behindGarbage.jobId);
      const look = ({ jobId }: typeof plain, query = '') => gateway.send('GET', `/api/anime/jobs/${jobId}${query}`);
      for (const answer of await Promise.all([look(plain), look(behindGarbage)])) {
        expect(answer).toMatchObject({ status: 504, body: { code: 'position-not-reached' } });
      }
      await session.query('rollback');
      for (const job of [plain, behindGarbage]) {
        expect(await look(job, `?after=${job.position}`)).toMatchObject({ status: 200, body: { id: job.jobId } });
      }
    } finally {
      await own.close();
    }
  }, 20_000);

  it('shows the whole job, as of the position that was asked for', async () => {
    const { jobId } = await submit('a fox in the snow');
    await append(JobAssignedV2, jobId, {
      attempt: 1,
      executorId: EXECUTOR,
      promptId: jobId,
      variant: 'normal',
      vramGb: 4,
      freeMemory: false,
    });
    const output = {
      node: '7',
      index: 0,
      kind: 'image' as const,
      role: 'final',
      blob: SHA,
      size: 10,
      mediaType: 'image/png',
      filename: 'a.png',
      pixelSha256: null,
    };
    await append(JobExecutedV2, jobId, {
      attempt: 1,
      executorId: EXECUTOR,
      promptId: jobId,
      variant: 'normal',
      graphHash: SHA,
      cached: false,
      outputs: [output],
      executionMs: 12,
      cachedNodes: [],
      models: [],
      vramPeakBytes: null,
    });
    const position = await complete(jobId);
    const { body } = await gateway.send('GET', `/api/anime/jobs/${jobId}?after=${position}`);
    expect(body).toMatchObject({
      status: 'completed',
      position,
      attempts: [
        {
          attempt: 1,
          status: 'executed',
          executorId: EXECUTOR,
          executionMs: 12,
          cachedNodes: [],
          models: [],
          vramPeakBytes: null,
        },
      ],
      outputs: [{ attempt: 1, ...output }],
    });
    const trail = await gateway.send('GET', `/api/anime/jobs/${jobId}/events?after=${position}`);
    expect((trail.body['events'] as { type: string }[]).map(({ type }) => type)).toEqual([
      'job.requested',
      'job.assigned',
      'job.executed',
      'job.completed',
    ]);
  });

  it('waits for the end of a job as long as it is told', async () => {
    const { jobId } = await submit();
    const short = await gateway.send('GET', `/api/anime/jobs/${jobId}?wait=0.2`);
    expect(short.body).toMatchObject({ status: 'requested' });
    const waiting = gateway.send('GET', `/api/anime/jobs/${jobId}?wait=20`);
    await complete(jobId);
    expect((await waiting).body).toMatchObject({ status: 'completed' });
  });

  it('says 504 when the read-model has not come so far in time', async () => {
    const { jobId } = await submit();
    const far = (await gateway.log.end()) + 1_000;
    const answer = await gateway.send('GET', `/api/anime/jobs/${jobId}?after=${far}&wait=0.1`);
    expect(answer).toMatchObject({ status: 504, body: { code: 'position-not-reached', retryable: true } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('lists by status, project, type, text and time, page by page', async () => {
    const project = 'list-of-jobs';
    await gateway.send('POST', '/api/anime/projects', { body: { slug: project, title: 'L' } });
    const ids: string[] = [];
    for (const prompt of ['red Fox', 'blue fox', 'green owl']) {
      const { body } = await gateway.send('POST', IMAGE, { body: { prompt, project } });
      ids.unshift(String(body['jobId']));
    }
    const after = await complete(ids[0] ?? '');
    const list = async (query: string) => {
      const { body } = await gateway.send('GET', `/api/anime/jobs?project=${project}&after=${after}&${query}`);
      return { ids: (body['jobs'] as { id: string }[]).map(({ id }) => id), next: body['nextCursor'] as string | null };
    };
    expect(await list('')).toEqual({ ids, next: null });
    expect((await list('status=requested')).ids).toEqual(ids.slice(1));
    expect((await list('status=requested,completed')).ids).toEqual(ids);
    expect((await list('text=FOX')).ids).toEqual(ids.slice(1));
    expect((await list('type=video')).ids).toEqual([]);
    expect((await list(`to=${encodeURIComponent('2000-01-01T00:00:00+02:00')}`)).ids).toEqual([]);
    expect((await list('from=2000-01-01T00:00:00Z')).ids).toEqual(ids);
    const first = await list('limit=2');
    expect(first.ids).toEqual(ids.slice(0, 2));
    expect(await list(`limit=2&cursor=${first.next}`)).toEqual({ ids: ids.slice(2), next: null });
  });

  it('shows what waits and what runs', async () => {
    const waiting = await submit();
    const running = await submit();
    const after = await append(JobAssignedV2, running.jobId, {
      attempt: 1,
      executorId: EXECUTOR,
      promptId: running.jobId,
      variant: 'normal',
      vramGb: 4,
      freeMemory: false,
    });
    const { body } = await gateway.send('GET', `/api/anime/queue?after=${after}`);
    const ids = (key: string) => (body[key] as { id: string }[]).map(({ id }) => id);
    expect(ids('queued')).toContain(waiting.jobId);
    expect(ids('running')).toContain(running.jobId);
    expect((body['counts'] as Record<string, number>)['assigned']).toBe(1);
  });
});

describe('a cancel', () => {
  it('is in the log when it is answered, and may be repeated', async () => {
    const { jobId } = await submit();
    for (let n = 0; n < 2; n += 1) {
      const { status, body } = await gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`, { body: {} });
      expect(status).toBe(202);
      expect(await gateway.log.lastOfAggregate('job', jobId)).toMatchObject({
        position: body['position'],
        event: { type: 'job.cancel-requested' },
      });
    }
    const { body } = await gateway.send('GET', `/api/anime/jobs/${jobId}?after=${await gateway.log.end()}`);
    expect(body).toMatchObject({ cancelRequested: true, status: 'requested' });
  });

  it('is refused when the job has ended, also when a later fact hides the end in the log', async () => {
    const { jobId } = await submit();
    await complete(jobId);
    const before = await gateway.log.end();
    expect(await gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'job-ended' },
    });
    expect(await gateway.log.end()).toBe(before);
    const late = await append(JobAcceptedV3, jobId, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: {},
      seed: 1,
      project: null,
      variants: [{ name: 'normal', graph: { inline: {} }, graphHash: SHA, vramGb: 1 }],
      outputs: [{ node: '7', kind: 'image', role: 'final', filenamePrefixInput: 'filename_prefix' }],
      progress: {},
      metricSet: 'classical',
      layout: { title: 't', requestedAt: new Date().toISOString() },
      maxAttempts: 1,
      inputs: [],
      maxRunSeconds: null,
    });
    await gateway.send('GET', `/api/anime/jobs/${jobId}?after=${late}`);
    expect(await gateway.send('POST', `/api/anime/jobs/${jobId}/cancel`)).toMatchObject({
      status: 409,
      body: { code: 'job-ended' },
    });
  });
});

describe('the system', () => {
  it('shows this service, its consumers, and how far the read-model is', async () => {
    const body = await eventually(
      async () => {
        const { data } = await gateway.client.GET('/api/anime/system');
        return data !== undefined && data.readModel.lag === 0 ? data : undefined;
      },
      { what: 'the read-model has caught up' },
    );
    expect(body.log).toEqual({ reachable: true, reason: null, end: await gateway.log.end() });
    expect(body.services.map(({ service, ready }) => [service, ready])).toEqual([['gateway', true]]);
    expect(body.services[0]?.consumers).toMatchObject([
      { name: 'jobs', state: 'running', lag: 0 },
      { name: 'projects', state: 'running' },
      { name: 'dead-letters', state: 'running' },
      { name: 'template-registry', state: 'running' },
      { name: 'api-keys', state: 'running' },
    ]);
  });

  it('lists garbage on an event subject by its position', async () => {
    const { jobId } = await submit();
    const position = await putGarbage(jobId);
    await unwrap(gateway.client.GET('/api/anime/void-messages', { params: { query: { after: position } } }));
    const { voids } = (await unwrap(gateway.client.GET('/api/anime/system'))).readModel;
    expect(voids?.void).toBe(voids?.recent.length);
    const listed = { position, kind: 'void', subject: `anime.job.${jobId}.gateway` };
    expect(voids?.recent).toContainEqual(expect.objectContaining(listed));
  });
});

describe('the documentation', () => {
  it('is the committed document and a page that needs nothing from elsewhere', async () => {
    const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as { openapi: string };
    expect(document.openapi).toBe('3.1.1');
    const page = await (await fetch(`${gateway.url}/docs`)).text();
    const parts = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, part]) => part ?? '');
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part).toMatch(/^\.\/docs\//);
      expect([part, (await fetch(new URL(part, `${gateway.url}/`))).status]).toEqual([part, 200]);
    }
  });
});

it('every route of the document was called, but those that have a spec of their own', () => {
  expect(check.uncalled(['generate', 'jobs', 'system'])).toEqual(['retryJob']);
});
