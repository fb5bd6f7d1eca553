import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { unwrap } from '@anime/gateway-client';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestStudio } from '../testing/test-studio.js';

const SMALL = { prompt: 'a lighthouse', width: 64, height: 64, steps: 2 };
const NOBODY = '01a1f94c-0000-7000-8000-000000000000';

/** Every answer below is checked against the OpenAPI document by the client itself. */
describe('the API of a whole studio', () => {
  let studio: TestStudio;
  beforeAll(async () => {
    studio = await TestStudio.start();
  }, 120_000);
  afterAll(() => studio[Symbol.asyncDispose](), 60_000);

  /** A raw request, checked as well. */
  async function ask(
    method: string,
    route: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; body: Problem }> {
    const init =
      body === undefined
        ? { method, headers }
        : { method, headers: { 'content-type': 'application/json', ...headers }, body };
    const response = await studio.answers.fetch(`${studio.service('gateway').url}${route}`, init);
    return { status: response.status, body: (await response.json()) as Problem };
  }
  interface Problem {
    readonly code?: string;
    readonly errors?: readonly { readonly path: string; readonly message: string }[];
  }
  const post = (route: string, body: unknown) => ask('POST', route, JSON.stringify(body));

  it('makes a picture and hands out the very file that its record names', async () => {
    const job = await unwrap(
      studio.client.POST('/api/anime/generate/image', { params: { query: { wait: 60 } }, body: { ...SMALL, seed: 5 } }),
    );
    if (!('files' in job)) throw new Error('the job has not ended within a minute');
    expect(job.status).toBe('completed');
    expect(job.seed).toBe(5);
    const output = job.files.find((file) => file.role === 'output');
    const bytes = await readFile(path.join(studio.libraryDir, output?.path ?? ''));
    expect(bytes.length).toBe(output?.size);
    const sidecar = job.files.find((file) => file.role === 'sidecar');
    expect(JSON.parse(await readFile(path.join(studio.libraryDir, sidecar?.path ?? ''), 'utf8'))).toMatchObject({
      seed: 5,
    });
    expect(job.scores.flatMap((score) => score.metrics).map((metric) => [metric.id, metric.status])).toEqual([
      ['colourfulness', 'measured'],
      ['sharpness', 'measured'],
    ]);
  }, 60_000);

  it("keeps the files of a project's jobs below its slug, and makes them with its settings", async () => {
    const { client } = studio;
    const path = { id: 'night-film' };
    await unwrap(client.POST('/api/anime/projects', { body: { slug: path.id, title: 'Night film' } }));
    const project = await unwrap(client.GET('/api/anime/projects/{id}', { params: { path } }));
    const params = { path, header: { 'if-match': `"${project.revision}"` } };
    const body = { negativePrompt: 'daylight' };
    await unwrap(client.PUT('/api/anime/projects/{id}/settings', { params, body }));
    const asked = { ...SMALL, project: path.id };
    const job = await unwrap(
      client.POST('/api/anime/generate/image', { params: { query: { wait: 60 } }, body: asked }),
    );
    if (!('files' in job)) throw new Error('the job has not ended within a minute');
    expect(job).toMatchObject({ status: 'completed', project: project.id, parameters: body });
    for (const file of job.files) expect(file.path).toMatch(/^night-film\/jobs\/\d{4}\/\d\d\/\d\d\//);
    expect(job.files.length).toBeGreaterThan(0);
    await unwrap(client.POST('/api/anime/projects/{id}/archive', { params: { path } }));
    expect(await post('/api/anime/generate/image', asked)).toMatchObject({ status: 409 });
    const { projects } = await unwrap(client.GET('/api/anime/projects'));
    expect(projects.map(({ slug }) => slug)).toContain(path.id);
  }, 60_000);

  it('carries the trace of the one who asked into every event of the job, as well as their correlation', async () => {
    const traceId = 'c'.repeat(32);
    const correlation = '0193a000-0000-7000-8000-0000000000c0';
    const headers = { traceparent: `00-${traceId}-${'d'.repeat(16)}-01`, 'x-correlation-id': correlation };
    const { status, body } = await ask('POST', '/api/anime/generate/image', JSON.stringify(SMALL), headers);
    expect(status).toBe(202);
    const { jobId = '' } = body as { jobId?: string };
    await studio.ended(jobId);
    const events = await studio.events(jobId);
    expect(events.length).toBeGreaterThanOrEqual(9);
    for (const { type, traceparent, correlationId } of events)
      expect({ type, trace: traceparent?.slice(3, 35), correlationId }).toEqual({
        type,
        trace: traceId,
        correlationId: correlation,
      });
  }, 60_000);

  it('makes a clip, and takes the old form of a request', async () => {
    const clip = await unwrap(
      studio.client.POST('/api/anime/generate/video', {
        params: { query: { wait: 60 } },
        body: { ...SMALL, frames: 3, fps: 6 },
      }),
    );
    if (!('files' in clip)) throw new Error('the job has not ended within a minute');
    expect(clip.files.find((file) => file.role === 'output')).toMatchObject({ mediaType: 'image/webp', frames: 3 });
    const old = await unwrap(
      studio.client.POST('/api/anime/generate', { body: { prompt: 'a lantern', type: 'image' } }),
    );
    if (!('jobId' in old)) throw new Error('nobody asked to wait');
    expect((await studio.ended(old.jobId)).status).toBe('completed');
  }, 60_000);

  it('says of the same graph with the same seed that ComfyUI answered from its cache, or made the same picture', async () => {
    const ask = () =>
      unwrap(
        studio.client.POST('/api/anime/generate/image', {
          params: { query: { wait: 60 } },
          body: { ...SMALL, seed: 77 },
        }),
      );
    const [first, second] = [await ask(), await ask()];
    if (!('outputs' in first) || !('outputs' in second)) throw new Error('a job has not ended within a minute');
    const pixels = (job: typeof first) =>
      job.scores.flatMap((score) => score.metrics).map((metric) => 'value' in metric && metric.value);
    expect(pixels(second)).toEqual(pixels(first));
    expect(second.attempts[0]?.graphHash).toBe(first.attempts[0]?.graphHash);
  }, 60_000);

  it('lists, pages, filters, shows trails, the queue and the whole system', async () => {
    const { client } = studio;
    const page = await unwrap(client.GET('/api/anime/jobs', { params: { query: { limit: 2 } } }));
    expect(page.jobs).toHaveLength(2);
    const cursor = page.nextCursor ?? '';
    const next = await unwrap(client.GET('/api/anime/jobs', { params: { query: { limit: 2, cursor } } }));
    expect(next.jobs.map((job) => job.id)).not.toContain(page.jobs[0]?.id);
    const lanterns = await unwrap(
      client.GET('/api/anime/jobs', { params: { query: { text: 'lantern', type: 'image', status: ['completed'] } } }),
    );
    expect(lanterns.jobs.map((job) => job.prompt)).toEqual(['a lantern']);
    const trail = await unwrap(
      client.GET('/api/anime/jobs/{id}/events', { params: { path: { id: lanterns.jobs[0]?.id ?? '' } } }),
    );
    expect(trail.events.map((event) => event.type).slice(0, 3)).toEqual([
      'job.requested',
      'job.accepted',
      'job.assigned',
    ]);
    const queue = await unwrap(client.GET('/api/anime/queue', {}));
    expect(queue.queued).toEqual([]);
    const system = await unwrap(client.GET('/api/anime/system', {}));
    expect([...new Set(system.services.map((service) => service.service))].sort()).toEqual([
      'comfyui-executor',
      'file-organizer',
      'gateway',
      'orchestrator',
      'progress-relay',
      'quality-scorer',
    ]);
    expect(system.services.every((service) => service.ready)).toBe(true);
  }, 60_000);

  it('issues a key that may only read, and takes it no more once it is revoked', async () => {
    const { client } = studio;
    const made = await unwrap(
      client.POST('/api/anime/keys', { body: { scopes: ['jobs:read'], label: 'wall screen' } }),
    );
    const headers = { authorization: `Bearer ${made.key}` };
    expect((await ask('GET', '/api/anime/queue', undefined, headers)).status).toBe(200);
    expect(await ask('POST', '/api/anime/generate/image', JSON.stringify(SMALL), headers)).toMatchObject({
      status: 403,
      body: { code: 'scope-missing' },
    });
    const { keys } = await unwrap(client.GET('/api/anime/keys'));
    expect(keys).toMatchObject([{ id: made.id, scopes: ['jobs:read'], revokedAt: null }]);
    await unwrap(client.POST('/api/anime/keys/{id}/revoke', { params: { path: { id: made.id } } }));
    expect(await ask('GET', '/api/anime/queue', undefined, headers)).toMatchObject({
      status: 401,
      body: { code: 'key-invalid' },
    });
  });

  it('gives a paused executor no work, tells what waits for it, and gives it work again', async () => {
    const { executors } = await unwrap(studio.client.GET('/api/anime/executors'));
    expect(executors.length).toBeGreaterThan(0);
    for (const { name } of executors) {
      const path = { id: name };
      const { position } = await unwrap(studio.client.POST('/api/anime/executors/{id}/pause', { params: { path } }));
      const query = { after: position };
      const paused = await unwrap(studio.client.GET('/api/anime/executors/{id}', { params: { path, query } }));
      expect(paused).toMatchObject({ name, state: 'paused' });
    }
    const { jobId } = (await unwrap(studio.client.POST('/api/anime/generate/image', { params: {}, body: SMALL }))) as {
      jobId: string;
    };
    const path = { id: jobId };
    const read = () => unwrap(studio.client.GET('/api/anime/jobs/{id}', { params: { path } }));
    const waits = await eventually(async () => (await read()).acceptedAt !== null, { what: 'the job is accepted' });
    expect(waits).toBe(true);
    expect(await read()).toMatchObject({ status: 'queued', waiting: { notBefore: null, last: null } });
    for (const { name } of executors)
      await unwrap(studio.client.POST('/api/anime/executors/{id}/resume', { params: { path: { id: name } } }));
    const query = { wait: 60 };
    const job = await unwrap(studio.client.GET('/api/anime/jobs/{id}', { params: { path, query } }));
    expect(job).toMatchObject({ status: 'completed', waiting: null });
    expect(await ask('POST', `/api/anime/jobs/${jobId}/retry`)).toMatchObject({ status: 409 });
  }, 90_000);

  it('stores a picture that was made as one to start from, under the name that it has', async () => {
    const job = await unwrap(
      studio.client.POST('/api/anime/generate/image', { params: { query: { wait: 60 } }, body: SMALL }),
    );
    if (!('files' in job)) throw new Error('the job has not ended within a minute');
    const file = job.files.find(({ role }) => role === 'output');
    const response = await studio.answers.fetch(`${studio.service('gateway').url}/api/anime/inputs`, {
      method: 'POST',
      headers: { 'content-type': 'image/png' },
      body: new Uint8Array(await readFile(path.join(studio.libraryDir, file?.path ?? ''))),
    });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ sha256: file?.sha256, size: file?.size, width: 64, height: 64 });
  }, 90_000);

  it('waits for a position, and says when it has not come that far', async () => {
    const end = await studio.log.end();
    const ahead = await ask('GET', `/api/anime/jobs?after=${end + 1_000}&wait=1`);
    expect([ahead.status, ahead.body.code]).toEqual([504, 'position-not-reached']);
    const { response } = await studio.client.GET('/api/anime/jobs', { params: { query: { after: end } } });
    expect(response.status).toBe(200);
  }, 30_000);

  it('refuses what it cannot do, names each field, and writes nothing', async () => {
    const before = await studio.log.end();
    const image = '/api/anime/generate/image';
    const cases: readonly (readonly [Promise<{ status: number; body: Problem }>, number, string, readonly string[]])[] =
      [
        [post(image, { ...SMALL, colour: 'red' }), 400, 'validation-failed', ['/colour']],
        [post(image, { prompt: 7, steps: 'many' }), 400, 'validation-failed', ['/prompt', '/steps']],
        [post(image, { prompt: '' }), 400, 'validation-failed', ['/prompt']],
        [post(image, { prompt: 'x'.repeat(100_000) }), 400, 'validation-failed', ['/prompt']],
        [post(image, { prompt: 'x', width: 511 }), 400, 'validation-failed', ['/width']],
        [post(image, { prompt: 'x', template: 'nobody-made-this' }), 404, 'template-not-found', []],
        [post(image, { prompt: 'x', template: 'text-to-animation' }), 422, 'parameter-invalid', []],
        [post(image, { prompt: 'x', steps: 9_999 }), 422, 'parameter-invalid', ['/steps']],
        [post('/api/anime/generate', { prompt: 'x', type: 'song' }), 400, 'validation-failed', ['/type']],
        [post('/api/anime/generate/video', { prompt: 'x', frames: 0 }), 400, 'validation-failed', ['/frames']],
        [ask('POST', image, '{"prompt":'), 400, 'bad-json', []],
        [post(image, { prompt: 'x', negativePrompt: 'y'.repeat(2_000_000) }), 413, 'body-too-large', []],
        [ask('GET', `/api/anime/jobs/${NOBODY}`), 404, 'job-not-found', []],
        [ask('GET', `/api/anime/jobs/${NOBODY}/events`), 404, 'job-not-found', []],
        [ask('POST', `/api/anime/jobs/${NOBODY}/cancel`), 404, 'job-not-found', []],
        [ask('POST', `/api/anime/jobs/${NOBODY}/retry`), 404, 'job-not-found', []],
        [ask('GET', '/api/anime/executors/nobody'), 404, 'executor-not-found', []],
        [ask('POST', '/api/anime/executors/nobody/pause'), 404, 'executor-not-found', []],
        [ask('GET', `/api/anime/environments/${'a'.repeat(64)}`), 404, 'environment-not-found', []],
        [
          post(image, { prompt: 'x', template: 'image-to-image', image: 'a'.repeat(64) }),
          422,
          'parameter-invalid',
          ['/image'],
        ],
        [post('/api/anime/inputs', {}), 415, 'unsupported-media-type', []],
        [ask('GET', `/api/anime/dead-letters/${NOBODY}`), 404, 'dead-letter-not-found', []],
        [ask('POST', `/api/anime/dead-letters/${NOBODY}/replay`), 404, 'dead-letter-not-found', []],
        [post(`/api/anime/dead-letters/${NOBODY}/discard`, { reason: 'x' }), 404, 'dead-letter-not-found', []],
        [ask('GET', '/api/anime/dead-letters?cursor=nonsense'), 400, 'bad-cursor', []],
        [ask('GET', '/api/anime/void-messages?kind=all'), 400, 'validation-failed', ['query/kind']],
        [ask('GET', '/api/anime/jobs?cursor=nonsense'), 400, 'bad-cursor', []],
        [ask('GET', '/api/anime/jobs?status=asleep&limit=0'), 400, 'validation-failed', []],
      ];
    for (const [answer, status, code, fields] of cases) {
      const { status: got, body } = await answer;
      expect([got, body.code]).toEqual([status, code]);
      const named = (body.errors ?? []).map((error) => error.path);
      for (const field of fields) expect(named).toContain(field);
    }
    expect(await studio.log.end()).toBe(before);
  }, 60_000);

  it('was called in every operation of its document', () => {
    expect(studio.answers.uncalled()).toEqual([]);
  });
});
