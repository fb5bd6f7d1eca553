import { AnswerCheck } from '@anime/gateway-client/testing';
import { useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const IMAGE = '/api/anime/generate/image';
const SOMEONE = '018f0000-0000-7000-8000-000000000002';
const UNKNOWN = '/api/anime/jobs/aaaaaaaa-0000-7000-8000-000000000000';
const nats = useNats();
let gateway: OwnGateway;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check: new AnswerCheck() });
});
afterAll(async () => gateway[Symbol.asyncDispose]());

/** Field paths of a problem's errors, sorted. */
const fields = (body: Readonly<Record<string, unknown>>) =>
  ((body['errors'] ?? []) as { path: string }[]).map(({ path }) => path).sort();

describe('bad input', () => {
  const cases: [
    string,
    string,
    string,
    { body?: unknown; headers?: Record<string, string> },
    number,
    string,
    string[],
  ][] = [
    ['an unknown field', 'POST', IMAGE, { body: { prompt: 'x', stepps: 3 } }, 400, 'validation-failed', ['/stepps']],
    [
      'a wrong type',
      'POST',
      IMAGE,
      { body: { prompt: 7, steps: 'many', project: '../x' } },
      400,
      'validation-failed',
      ['/project', '/prompt', '/steps'],
    ],
    ['an empty prompt', 'POST', IMAGE, { body: { prompt: '' } }, 400, 'validation-failed', ['/prompt']],
    ['a blank prompt', 'POST', IMAGE, { body: { prompt: ' \n' } }, 400, 'validation-failed', ['/prompt']],
    [
      'a prompt of 100 kB',
      'POST',
      IMAGE,
      { body: { prompt: 'x'.repeat(100_000) } },
      400,
      'validation-failed',
      ['/prompt'],
    ],
    ['a prompt with NUL', 'POST', IMAGE, { body: { prompt: 'a\0b' } }, 400, 'validation-failed', ['/prompt']],
    ['no prompt', 'POST', IMAGE, { body: {} }, 400, 'validation-failed', ['/prompt']],
    ['no body', 'POST', IMAGE, {}, 400, 'validation-failed', ['/prompt']],
    [
      'a size that is no multiple of 8',
      'POST',
      IMAGE,
      { body: { prompt: 'x', width: 513, height: 100 } },
      400,
      'validation-failed',
      ['/height', '/width'],
    ],
    [
      'everything wrong at once',
      'POST',
      `${IMAGE}?wait=61&now=1`,
      { body: { prompt: '', seed: -1, x: 1 }, headers: { 'x-correlation-id': 'no' } },
      400,
      'validation-failed',
      ['/prompt', '/seed', '/x', 'header/x-correlation-id', 'query/now', 'query/wait'],
    ],
    [
      'a type that there is not',
      'POST',
      '/api/anime/generate',
      { body: { prompt: 'x', type: 'opera' } },
      400,
      'validation-failed',
      ['/type'],
    ],
    [
      'an unknown template',
      'POST',
      IMAGE,
      { body: { prompt: 'x', template: 'nothing' } },
      404,
      'template-not-found',
      ['/template'],
    ],
    [
      'an unknown version',
      'POST',
      IMAGE,
      { body: { prompt: 'x', template: 'text-to-image@99' } },
      404,
      'template-not-found',
      ['/template'],
    ],
    [
      'a template of another kind',
      'POST',
      IMAGE,
      { body: { prompt: 'x', template: 'text-to-animation' } },
      422,
      'parameter-invalid',
      ['/template'],
    ],
    [
      'parameters that the template does not take',
      'POST',
      '/api/anime/generate',
      { body: { prompt: 'x', type: 'image', frames: 8, steps: 9_999 } },
      422,
      'parameter-invalid',
      ['/frames', '/steps'],
    ],
    ['JSON that is none', 'POST', IMAGE, { body: '{"prompt": ' }, 400, 'bad-json', []],
    ['a body that is no object', 'POST', IMAGE, { body: '[]' }, 400, 'validation-failed', ['']],
    ['a body over the limit', 'POST', IMAGE, { body: { prompt: 'x'.repeat(1_100_000) } }, 413, 'body-too-large', []],
    [
      'another media type',
      'POST',
      IMAGE,
      { body: 'prompt=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported-media-type',
      [],
    ],
    ['an unknown job', 'GET', UNKNOWN, {}, 404, 'job-not-found', []],
    ['the trail of an unknown job', 'GET', `${UNKNOWN}/events`, {}, 404, 'job-not-found', []],
    ['a cancel of an unknown job', 'POST', `${UNKNOWN}/cancel`, {}, 404, 'job-not-found', []],
    ['a job id that is none', 'GET', '/api/anime/jobs/42', {}, 400, 'validation-failed', ['path/id']],
    [
      'a cancel with a field that there is not',
      'POST',
      `/api/anime/jobs/${SOMEONE}/cancel`,
      { body: { why: 'x' } },
      400,
      'validation-failed',
      ['/why'],
    ],
    [
      'a cancel whose reason is empty',
      'POST',
      `/api/anime/jobs/${SOMEONE}/cancel`,
      { body: { reason: '' } },
      400,
      'validation-failed',
      ['/reason'],
    ],
    [
      'a cancel whose reason is too long',
      'POST',
      `/api/anime/jobs/${SOMEONE}/cancel`,
      { body: { reason: 'x'.repeat(2_001) } },
      400,
      'validation-failed',
      ['/reason'],
    ],
    [
      'a cancel whose reason is no text',
      'POST',
      `/api/anime/jobs/${SOMEONE}/cancel`,
      { body: { reason: { sealed: 'aes-256-gcm' } } },
      400,
      'validation-failed',
      ['/reason'],
    ],
    ['a cursor that is none of ours', 'GET', '/api/anime/jobs?cursor=abc', {}, 400, 'bad-cursor', ['query/cursor']],
    [
      'filters that there are not',
      'GET',
      '/api/anime/jobs?status=done&limit=0&from=yesterday&sort=up',
      {},
      400,
      'validation-failed',
      ['query/from', 'query/limit', 'query/sort', 'query/status'],
    ],
    ['a query where there is none', 'GET', '/api/anime/system?all=1', {}, 400, 'validation-failed', ['query/all']],
  ];

  it.each(cases)(
    '%s gets a problem that names it, and nothing is written',
    async (_what, method, path, request, status, code, paths) => {
      const before = await gateway.log.end();
      const answer = await gateway.send(method, path, request);
      expect({ status: answer.status, code: answer.body['code'], fields: [...new Set(fields(answer.body))] }).toEqual({
        status,
        code,
        fields: paths,
      });
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json(;|$)/);
      expect(answer.body).toMatchObject({
        type: `urn:anime:problem:${code}`,
        instance: path.split('?')[0],
        requestId: expect.stringMatching(/./),
      });
      expect(await gateway.log.end()).toBe(before);
    },
  );

  it('names the templates that there are', async () => {
    const { body } = await gateway.send('POST', IMAGE, { body: { prompt: 'x', template: 'nothing' } });
    expect(body['errors']).toEqual([
      { path: '/template', message: 'must be one of image-to-image@1, text-to-animation@1, text-to-image@1' },
    ]);
  });

  it('gets 405 with what is allowed on a path with another method, and 404 where there is nothing', async () => {
    const wrong = await fetch(`${gateway.url}/api/anime/generate/image`);
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await wrong.json()).toMatchObject({ code: 'method-not-allowed' });
    const nowhere = await fetch(`${gateway.url}/api/anime/nothing`);
    expect([nowhere.status, nowhere.headers.get('content-type')]).toEqual([
      404,
      expect.stringMatching(/^application\/problem\+json/),
    ]);
  });
});
