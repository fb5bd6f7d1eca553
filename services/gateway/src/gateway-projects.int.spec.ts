import { JobRequestedV3, ProjectArchivedV1, ProjectCreatedV2, ProjectSettingsChangedV2 } from '@anime/contracts';
import { projectIdOf } from '@anime/event-store';
import { eventsOf, testEvent } from '@anime/event-store/testing';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnGateway, startTestGateway, type Answer, type OwnGateway } from './testing/test-gateway.js';

const PROJECTS = '/api/anime/projects';
const IMAGE = '/api/anime/generate/image';
const nats = useNats();
const check = new AnswerCheck();
let gateway: OwnGateway;
beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

const create = (slug: string, rest: object = {}) =>
  gateway.send('POST', PROJECTS, { body: { slug, title: `The film ${slug}`, ...rest } });
const archive = (slug: string) => gateway.send('POST', `${PROJECTS}/${slug}/archive`);
const change = (slug: string, body: object, match?: string | null) =>
  gateway.send('PUT', `${PROJECTS}/${slug}/settings`, { body, headers: match == null ? {} : { 'if-match': match } });
const generate = (project: string) => gateway.send('POST', IMAGE, { body: { prompt: 'a fox', project } });
const after = ({ body }: Answer): string => `after=${String(body['position'])}`;
const fields = ({ body }: Answer): string[] =>
  ((body['errors'] ?? []) as { path: string }[]).map(({ path }) => path).sort();

describe('a project', () => {
  it('is made, read by slug or id, changed, archived: each in the log when it is answered', async () => {
    const id = projectIdOf('studio', 'whole-life');
    const made = await create('whole-life', { settings: { negativePrompt: 'blurry' } });
    expect(made).toMatchObject({
      status: 201,
      body: {
        projectId: id,
        slug: 'whole-life',
        position: await gateway.log.end(),
        links: { self: `${PROJECTS}/whole-life`, jobs: '/api/anime/jobs?project=whole-life' },
      },
    });
    expect(made.headers.get('location')).toBe(`${PROJECTS}/whole-life`);
    expect(made.headers.get('etag')).toBe(`"${String(made.body['position'])}"`);

    for (const name of ['whole-life', id]) {
      const read = await gateway.send('GET', `${PROJECTS}/${name}?${after(made)}`);
      expect(read).toMatchObject({
        status: 200,
        body: {
          id,
          slug: 'whole-life',
          title: 'The film whole-life',
          settings: { negativePrompt: 'blurry' },
          archivedAt: null,
          revision: made.body['position'],
          jobs: { requested: 0, completed: 0 },
        },
      });
      expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
    }

    const changed = await change('whole-life', { waitingLimit: 7 });
    expect(changed).toMatchObject({ status: 200, body: { position: await gateway.log.end() } });
    const closed = await archive('whole-life');
    expect(closed).toMatchObject({ status: 200, body: { position: await gateway.log.end() } });
    expect(await gateway.send('GET', `${PROJECTS}/whole-life?${after(closed)}`)).toMatchObject({
      body: { settings: { waitingLimit: 7 }, archivedAt: expect.any(String), revision: closed.body['position'] },
    });
    expect(await eventsOf(gateway.log, ProjectCreatedV2, id)).toHaveLength(1);
    expect(await eventsOf(gateway.log, ProjectSettingsChangedV2, id)).toHaveLength(1);
    expect(await eventsOf(gateway.log, ProjectArchivedV1, id)).toHaveLength(1);
  });

  it('asked for again is answered as the first time; with another title it is refused', async () => {
    const first = await create('again');
    const end = await gateway.log.end();
    const second = await create('again');
    expect(second).toMatchObject({ status: 201, body: first.body });
    expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await create('again', { title: 'Another' })).toMatchObject({
      status: 409,
      body: { code: 'project-exists', detail: expect.stringContaining('again') },
    });
    await archive('again');
    expect(await create('again')).toMatchObject({ status: 409, body: { code: 'project-archived' } });
    expect(await archive('again')).toMatchObject({ status: 200, body: { position: end + 1 } });
    expect(await change('again', { waitingLimit: 1 })).toMatchObject({
      status: 409,
      body: { code: 'project-archived' },
    });
    expect(await gateway.log.end()).toBe(end + 1);
  });

  it('is never 404 once it was acknowledged, also without ?after=', async () => {
    for (let n = 0; n < 5; n += 1) {
      await create(`at-once-${n}`);
      expect(await gateway.send('GET', `${PROJECTS}/at-once-${n}`)).toMatchObject({ status: 200 });
    }
    expect(await gateway.send('GET', `${PROJECTS}/nobody`)).toMatchObject({
      status: 404,
      body: { code: 'project-not-found', detail: 'there is no project nobody' },
    });
  });
});

describe('two editors of a project', () => {
  it('do not undo each other: whoever read an older revision gets 412 with the current one', async () => {
    const made = await create('edited');
    const read = made.headers.get('etag');
    const one = await change('edited', { waitingLimit: 1 }, read);
    expect(one.status).toBe(200);
    const stale = await change('edited', { waitingLimit: 2 }, read);
    expect(stale).toMatchObject({
      status: 412,
      body: { code: 'precondition-failed', detail: expect.stringContaining(String(one.headers.get('etag'))) },
    });
    // The first one's request sent again: its answer may have been lost.
    expect(await change('edited', { waitingLimit: 1 }, read)).toMatchObject({ status: 200, body: one.body });
    expect(await change('edited', { waitingLimit: 2 }, one.headers.get('etag'))).toMatchObject({ status: 200 });
    expect(await change('edited', { waitingLimit: 3 }, '*')).toMatchObject({ status: 200 });
    const end = await gateway.log.end();
    expect(await change('edited', { waitingLimit: 4 }, `"1", "${end}"`)).toMatchObject({ status: 200 });
  });
});

describe('a job in a project', () => {
  it('carries id and slug, is found by either, and is counted', async () => {
    const { body } = await create('with-jobs');
    const job = await generate('with-jobs');
    expect(job.status).toBe(202);
    const [requested] = await eventsOf(gateway.log, JobRequestedV3, String(job.body['jobId']));
    expect(requested?.data.project).toEqual({ id: body['projectId'], slug: 'with-jobs' });
    for (const project of ['with-jobs', String(body['projectId'])]) {
      const list = await gateway.send('GET', `/api/anime/jobs?project=${project}&${after(job)}`);
      expect(list.body['jobs']).toMatchObject([{ id: job.body['jobId'], project: body['projectId'] }]);
    }
    expect(await gateway.send('GET', `${PROJECTS}/with-jobs?${after(job)}`)).toMatchObject({
      body: { jobs: { requested: 1, completed: 0 } },
    });
  });

  it('is taken at once by another gateway than the one that made the project, and refused by it once archived', async () => {
    const { url } = await nats.server();
    await using other = await startTestGateway({
      natsUrl: url,
      databaseUrl: gateway.databaseUrl,
      check,
      untilReady: false,
    });
    await create('two-doors');
    const body = { prompt: 'a fox', project: 'two-doors' };
    expect(await other.send('POST', IMAGE, { body })).toMatchObject({ status: 202 });
    await archive('two-doors');
    await eventually(async () => (await other.send('POST', IMAGE, { body })).status === 409, {
      what: 'the other gateway has asked the log again',
    });
  });

  it('runs on when the project is archived', async () => {
    await create('goes-on');
    const { body } = await generate('goes-on');
    await archive('goes-on');
    expect(await generate('goes-on')).toMatchObject({ status: 409, body: { code: 'project-archived' } });
    expect(await gateway.send('POST', `/api/anime/jobs/${String(body['jobId'])}/cancel`)).toMatchObject({
      status: 202,
    });
  });

  it('is one too many when as many wait as the project allows; other projects go on', async () => {
    await create('small', { settings: { waitingLimit: 1 } });
    await create('large');
    const job = await generate('small');
    await gateway.send('GET', `/api/anime/jobs?${after(job)}`);
    const refused = await generate('small');
    expect(refused).toMatchObject({
      status: 429,
      body: { code: 'queue-full', detail: expect.stringContaining('small') },
    });
    expect(refused.headers.get('retry-after')).toBe('30');
    expect(await generate('large')).toMatchObject({ status: 202 });
  });
});

describe('the list of projects', () => {
  it('shows a hundred page by page, newest first, none twice and none missing; archived ones where asked for', async () => {
    const slugs = Array.from({ length: 100 }, (_, n) => `many-${n}`);
    // Many in one millisecond: the order must hold all the same.
    for (const slug of slugs) {
      const data = { slug, title: slug, settings: {} };
      await gateway.log.append(testEvent(ProjectCreatedV2, projectIdOf('studio', slug), data));
    }
    const closed = await archive('many-7');
    const seen: string[] = [];
    const times: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = cursor === '' ? '' : `&cursor=${cursor}`;
      const { status, body } = await gateway.send('GET', `${PROJECTS}?limit=30&${after(closed)}${page}`);
      expect(status).toBe(200);
      const found = body['projects'] as { slug: string; createdAt: string }[];
      seen.push(...found.map(({ slug }) => slug));
      times.push(...found.map(({ createdAt }) => createdAt));
      cursor = body['nextCursor'] as string | null;
    }
    expect(times).toEqual(times.toSorted().toReversed());
    expect(seen.filter((slug) => slug.startsWith('many-')).sort()).toEqual(slugs.toSorted());
    expect(new Set(seen).size).toBe(seen.length);

    const list = async (query: string) => {
      const { body } = await gateway.send('GET', `${PROJECTS}?limit=200&${query}`);
      return (body['projects'] as { slug: string }[]).map(({ slug }) => slug);
    };
    expect(await list('archived=true')).toContain('many-7');
    expect(await list('archived=false')).not.toContain('many-7');
    expect(await list('archived=false')).toContain('many-8');
  });
});

describe('a wrong request', () => {
  beforeAll(() => create('right'));
  const body = { slug: 'wrong', title: 'Wrong' };

  it.each<[string, string, string, object, number, string, string[]]>([
    ...['unorganized', 'nul', '../etc', 'a/b', 'A', 'ä', 'with space', '', '-a', 'a--b', 'x'.repeat(65)].map(
      (slug): [string, string, string, object, number, string, string[]] => [
        `the slug "${slug.slice(0, 12)}"`,
        'POST',
        '',
        { body: { ...body, slug } },
        400,
        'validation-failed',
        ['/slug'],
      ],
    ),
    [
      'a slug that looks like an id',
      'POST',
      '',
      { body: { ...body, slug: projectIdOf('studio', 'x') } },
      400,
      'validation-failed',
      ['/slug'],
    ],
    ['no fields', 'POST', '', { body: {} }, 400, 'validation-failed', ['/slug', '/title']],
    ['a blank title', 'POST', '', { body: { ...body, title: ' ' } }, 400, 'validation-failed', ['/title']],
    ['a title with NUL', 'POST', '', { body: { ...body, title: 'a\0' } }, 400, 'validation-failed', ['/title']],
    ['a long title', 'POST', '', { body: { ...body, title: 'x'.repeat(201) } }, 400, 'validation-failed', ['/title']],
    [
      'settings that there are not',
      'POST',
      '',
      { body: { ...body, settings: { colour: 'red', waitingLimit: 0 } } },
      400,
      'validation-failed',
      ['/settings/colour', '/settings/waitingLimit'],
    ],
    [
      'an unknown template',
      'POST',
      '',
      { body: { ...body, settings: { imageTemplate: 'nothing' } } },
      404,
      'template-not-found',
      ['/settings/imageTemplate'],
    ],
    ['no settings', 'PUT', '/right/settings', { body: '[]' }, 400, 'validation-failed', ['']],
    [
      'a template for clips as that of pictures',
      'PUT',
      '/right/settings',
      { body: { imageTemplate: 'text-to-animation' } },
      422,
      'parameter-invalid',
      ['/imageTemplate'],
    ],
    [
      'an If-Match that is no ETag',
      'PUT',
      '/right/settings',
      { body: {}, headers: { 'if-match': '12' } },
      400,
      'validation-failed',
      ['header/if-match'],
    ],
    ['a path trick', 'GET', '/..%2Fetc', {}, 400, 'validation-failed', ['path/id']],
    ['an unknown project', 'PUT', '/nobody/settings', { body: {} }, 404, 'project-not-found', []],
    ['the archiving of an unknown project', 'POST', '/nobody/archive', {}, 404, 'project-not-found', []],
    ['an archive with a body', 'POST', '/right/archive', { body: { why: 1 } }, 400, 'validation-failed', ['/why']],
    ['a flag that is none', 'GET', '?archived=yes', {}, 400, 'validation-failed', ['query/archived']],
    ['a cursor that is none of ours', 'GET', '?cursor=abc', {}, 400, 'bad-cursor', ['query/cursor']],
  ])(
    '%s gets a problem that names it, and nothing is written',
    async (_what, method, path, request, status, code, at) => {
      const end = await gateway.log.end();
      const answer = await gateway.send(method, `${PROJECTS}${path}`, request);
      expect({ status: answer.status, code: answer.body['code'], at: fields(answer) }).toEqual({ status, code, at });
      expect(await gateway.log.end()).toBe(end);
    },
  );
});

it('every route of projects was called', () => {
  expect(check.uncalled(['projects'])).toEqual([]);
});
