import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiKeyIssuedV1, ApiKeyRevokedV1, SCOPES, type Scope } from '@anime/contracts';
import { ROUTES, type IssuedKey, type KeyList, type Route } from '@anime/contracts/http';
import { uuidv7 } from '@anime/event-store';
import { createGatewayClient, unwrap } from '@anime/gateway-client';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { FileSubjectKeys } from '@anime/sealed-fields';
import { createTestDatabase, eventually, useNats, type TestDatabase } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { KeyCommands } from './commands/key-commands.js';
import { startTestGateway, type Answer, type TestGateway } from './testing/test-gateway.js';

const IMAGE = '/api/anime/generate/image';
const KEYS = '/api/anime/keys';
const JOB = 'aaaaaaaa-0000-7000-8000-000000000000';
const check = new AnswerCheck();
const nats = useNats();
let database: TestDatabase;
/** Takes only keys. */
let gateway: TestGateway;
/** Of the same studio, and serves the user of its machine too. */
let local: TestGateway;
let admin: IssuedKey;
/** Where the keys of people lie. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-keys-'));
  database = await createTestDatabase();
  const options = { natsUrl: (await nats.server()).url, databaseUrl: database.url, check };
  gateway = await startTestGateway({ ...options, env: { ANIME_LOCAL_USER: '0', ANIME_KEYS_DIR: folder } });
  local = await startTestGateway({ ...options, untilReady: false });
  admin = await issue(['admin']);
  await eventually(async () => (await send('GET', KEYS, admin.key)).status === 200, { what: 'the key is known' });
});
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await local[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** As the gateway's own binary does. */
async function issue(scopes: Scope[], given: { actor?: string; expiresAt?: string } = {}): Promise<IssuedKey> {
  const commands = new KeyCommands({
    log: gateway.log,
    subjectKeys: new FileSubjectKeys(folder),
    now: () => new Date().toISOString(),
  });
  return commands.issue({ scopes, ...given }, { actor: 'service:gateway' });
}
const create = async (scopes: readonly Scope[], more: object = {}): Promise<IssuedKey> => {
  const answer = await send('POST', KEYS, admin.key, { scopes, ...more });
  expect(answer.status).toBe(201);
  return answer.body as unknown as IssuedKey; // it was checked against the document
};
function send(method: string, path: string, key?: string, body?: unknown, headers = {}): Promise<Answer> {
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` };
  return gateway.send(method, path, {
    ...(body === undefined ? {} : { body }),
    headers: { ...authorization, ...headers },
  });
}
/** Sends what fetch would not, e.g. a header twice or another name of the host. */
async function sendRaw(url: string, path: string, headers: Record<string, string | string[]>, method = 'GET') {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    challenge: string | undefined;
    body: string;
  }>();
  const asked = request({
    hostname,
    port,
    path,
    method,
    headers,
    agent: false,
    setHost: headers['host'] === undefined,
  });
  asked.on('error', reject);
  asked.on('response', (response) => {
    let body = '';
    response.on('data', (part) => (body += String(part)));
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, challenge: response.headers['www-authenticate'], body }),
    );
  });
  asked.end();
  return promise.finally(() => asked.destroy());
}

describe('a gateway that takes only keys', () => {
  it('refuses who shows none, and stores nothing', async () => {
    const before = await gateway.log.end();
    for (const [method, path, body] of [
      ['GET', '/api/anime/jobs', undefined],
      ['POST', IMAGE, { prompt: 'a fox' }],
      ['POST', IMAGE, 'no JSON at all'],
      ['POST', KEYS, { scopes: ['admin'] }],
    ] as const) {
      const answer = await send(method, path, undefined, body);
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="anime"');
    }
    expect(await gateway.log.end()).toBe(before);
  });

  it.each([
    '',
    'Bearer',
    'Basic YWRtaW46YWRtaW4=',
    `Bearer anime_${'x'.repeat(43)}`,
    `Bearer ${'ä'.repeat(40)}`,
    'Bearer null',
    "' or 1=1 --",
  ])('refuses a header that holds no key of it: %j', async (authorization) => {
    const answer = await gateway.send('GET', '/api/anime/jobs', { headers: { authorization } });
    expect(answer).toMatchObject({ status: 401, body: { code: 'key-invalid' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer .*invalid_token/);
  });

  it('refuses an endless header, and two of them', async () => {
    const endless = await sendRaw(gateway.url, '/api/anime/jobs', { authorization: `Bearer ${'x'.repeat(100_000)}` });
    expect(endless.status).toBe(431);
    const twice = await sendRaw(gateway.url, '/api/anime/jobs', {
      authorization: [`Bearer ${admin.key}`, `Bearer ${admin.key}`],
    });
    expect([twice.status, JSON.parse(twice.body)]).toMatchObject([
      400,
      { code: 'validation-failed', errors: [{ path: 'header/authorization' }] },
    ]);
  });

  it.each(['/health', '/ready', '/metrics', '/docs', '/openapi.json'])('shows %s to all', async (path) => {
    expect((await fetch(`${gateway.url}${path}`)).status).toBe(200);
  });

  it('tells nobody without a key more of an unknown path than that it is unknown', async () => {
    expect(await send('GET', '/api/anime/nothing')).toMatchObject({ status: 404 });
  });

  it.each([
    ['GET', '/api/anime/%6beys'],
    ['GET', '/api/%61nime/keys?a=/health'],
    ['GET', 'http://127.0.0.1/api/anime/keys'],
    ['HEAD', '/api/anime/keys'],
    ['GET', '/api/anime/keys/'],
    ['GET', '//api/anime/keys'],
    ['GET', '/API/anime/keys'],
    ['GET', '/docs/../api/anime/keys'],
    ['GET', '/docs/%2e%2e/api/anime/keys'],
    ['GET', '/health/../api/anime/keys'],
    ['GET', '/api/anime/keys;/health'],
    ['OPTIONS', '/api/anime/keys'],
    ['PATCH', '/api/anime/keys'],
  ])('lets nobody in by another way to write an address: %s %s', async (method, path) => {
    for (const headers of [{}, { upgrade: 'websocket', connection: 'Upgrade' }, { 'x-http-method-override': 'GET' }]) {
      const { status, body } = await sendRaw(gateway.url, path, headers, method);
      expect([path, [400, 401, 404, 405].includes(status), body.includes(admin.id)]).toEqual([path, true, false]);
    }
  });

  const routes = Object.values<Route>(ROUTES).map((route) => [route.operationId, route] as const);
  it.each(routes)('lets %s be called with its scope or admin, and with no other scope', async (_id, route) => {
    const path = route.path.replaceAll(/\{\w+\}/g, JOB);
    for (const scope of SCOPES) {
      const { key } = await create([scope]);
      const answer = await send(route.method.toUpperCase(), path, key);
      const allowed = scope === route.scope || scope === 'admin';
      expect([scope, [401, 403].includes(answer.status)]).toEqual([scope, !allowed]);
      if (allowed) continue;
      expect(answer).toMatchObject({ status: 403, body: { code: 'scope-missing' } });
      expect(String(answer.body['detail'])).toContain(route.scope);
      expect(answer.headers.get('www-authenticate')).toContain(`scope="${route.scope}"`);
    }
  });
});

describe('a key', () => {
  it('that was created is shown once, opens at once, and names its actor in the job’s trail', async () => {
    const created = await create(['jobs:write', 'jobs:read']);
    expect(created).toMatchObject({ scopes: ['jobs:write', 'jobs:read'], hint: created.key.slice(0, 10) });
    const asked = await send('POST', IMAGE, created.key, { prompt: 'a fox' });
    expect(asked.status).toBe(202);
    expect(await gateway.log.lastOfAggregate('job', String(asked.body['jobId']))).toMatchObject({
      event: { type: 'job.requested', actor: created.actor },
    });
    const trail = await send('GET', `/api/anime/jobs/${String(asked.body['jobId'])}/events`, created.key);
    expect(trail.body['events']).toMatchObject([{ type: 'job.requested', actor: created.actor }]);
    const event = await gateway.log.lastOnSubject(ApiKeyIssuedV1, created.id);
    expect(event).toMatchObject({
      position: created.position,
      event: { actor: admin.actor, data: { actor: created.actor } },
    });
    const listed = await send('GET', KEYS, admin.key);
    for (const text of [JSON.stringify(event), JSON.stringify(listed.body)])
      expect(text).not.toContain(created.key.slice(10));
  });

  it('is not kept by caches', async () => {
    const answer = await send('POST', KEYS, admin.key, { scopes: ['review'] });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('does not share Idempotency-Keys with those of other actors, and does with those of its own', async () => {
    const [one, other] = [await create(['jobs:write']), await create(['jobs:write'])];
    const rotated = await create(['jobs:write'], { actor: one.actor });
    const ask = async ({ key }: IssuedKey) =>
      (await send('POST', IMAGE, key, { prompt: 'a fox' }, { 'idempotency-key': 'once' })).body['jobId'];
    const jobs = [await ask(one), await ask(other), await ask(rotated)];
    expect([new Set(jobs).size, jobs[0]]).toEqual([2, jobs[2]]);
  });

  it('opens nothing from the moment that it was revoked, for ever; the same again changes nothing', async () => {
    const { id, key } = await create(['jobs:read']);
    expect(await send('GET', '/api/anime/queue', key)).toMatchObject({ status: 200 });
    const revoked = await send('POST', `${KEYS}/${id}/revoke`, admin.key);
    expect(revoked).toMatchObject({ status: 200, body: { id } });
    expect(await send('GET', '/api/anime/queue', key)).toMatchObject({ status: 401, body: { code: 'key-invalid' } });
    const end = await gateway.log.end();
    const again = await Promise.all([0, 1].map(() => send('POST', `${KEYS}/${id}/revoke`, admin.key, {})));
    for (const each of again) expect([each.status, each.body]).toEqual([200, revoked.body]);
    expect(await gateway.log.end()).toBe(end);
    expect(await gateway.log.lastOnSubject(ApiKeyRevokedV1, id)).toMatchObject({ event: { actor: admin.actor } });
  });

  it('is revoked once when that is asked for many times at a time', async () => {
    const { id } = await create(['jobs:read']);
    const before = await gateway.log.end();
    const answers = await Promise.all(Array.from({ length: 8 }, () => send('POST', `${KEYS}/${id}/revoke`, admin.key)));
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(answers.map(({ body }) => body['position'])).size).toBe(1);
    expect(await gateway.log.end()).toBe(before + 1);
  });

  it('that nobody issued cannot be revoked', async () => {
    const before = await gateway.log.end();
    expect(await send('POST', `${KEYS}/${JOB}/revoke`, admin.key)).toMatchObject({
      status: 404,
      body: { code: 'key-not-found' },
    });
    expect(await gateway.log.end()).toBe(before);
  });

  it('expires by itself, and cannot have expired already', async () => {
    const expiresAt = new Date(Date.now() + 5_000).toISOString();
    const { key, id } = await create(['jobs:read'], { expiresAt });
    await eventually(async () => (await send('GET', '/api/anime/queue', key)).status === 401, {
      what: 'the key expires',
    });
    expect(new Date().toISOString() >= expiresAt).toBe(true);
    const { body } = await send('GET', KEYS, admin.key);
    expect((body as unknown as KeyList).keys.find((each) => each.id === id)).toMatchObject({
      expiresAt,
      revokedAt: null,
    });
    expect(await send('POST', KEYS, admin.key, { scopes: ['jobs:read'], expiresAt })).toMatchObject({
      status: 400,
      body: { code: 'validation-failed' },
    });
  });

  it.each([
    [{}, '/scopes'],
    [{ scopes: [] }, '/scopes'],
    [{ scopes: ['jobs:read', 'jobs:read'] }, '/scopes'],
    [{ scopes: ['everything'] }, '/scopes/0'],
    [{ scopes: 'admin' }, '/scopes'],
    [{ scopes: ['admin'], actor: 'me' }, '/actor'],
    [{ scopes: ['admin'], expiresAt: 'tomorrow' }, '/expiresAt'],
    [{ scopes: ['admin'], key: 'anime_mine' }, '/key'],
    [{ scopes: ['admin'], label: '' }, '/label'],
    [{ scopes: ['admin'], label: 'x'.repeat(201) }, '/label'],
    [{ scopes: ['admin'], label: 'a\0b' }, '/label'],
  ])('is not created from %j', async (body, path) => {
    const before = await gateway.log.end();
    expect(await send('POST', KEYS, admin.key, body)).toMatchObject({
      status: 400,
      body: { code: 'validation-failed', errors: [{ path }] },
    });
    expect(await gateway.log.end()).toBe(before);
  });

  it('is listed with when it was last used, which was not waited for', async () => {
    const { id, key } = await create(['jobs:read']);
    const listed = async () =>
      ((await send('GET', KEYS, admin.key)).body as unknown as KeyList).keys.find((each) => each.id === id);
    expect(await listed()).toMatchObject({ lastUsedAt: null, revokedAt: null, issuedBy: admin.actor });
    const before = new Date().toISOString();
    await send('GET', '/api/anime/queue', key);
    const { lastUsedAt } = await eventually(async () => ((each) => each?.lastUsedAt !== null && each)(await listed()), {
      what: 'the use is noted',
    });
    expect(lastUsedAt !== null && lastUsedAt >= before).toBe(true);
  });

  it('has a label that only its list shows, and nobody once its actor’s key is gone', async () => {
    const label = 'render box of Åsa Öberg';
    const { id, actor } = await create(['jobs:read'], { label });
    const listed = async () =>
      ((await send('GET', KEYS, admin.key)).body as unknown as KeyList).keys.find((each) => each.id === id)?.label;
    expect(await listed()).toEqual({ subject: actor, text: label, unavailable: null });
    const event = JSON.stringify(await gateway.log.lastOnSubject(ApiKeyIssuedV1, id));
    expect(event).toContain('aes-256-gcm');
    expect(event).not.toContain('Öberg');
    expect(await readdir(folder)).toContain(`${actor}.key`);
    await rm(join(folder, `${actor}.key`));
    expect(await listed()).toEqual({ subject: actor, text: null, unavailable: 'key-gone' });
  });

  it('may be sent by the typed client', async () => {
    const client = createGatewayClient(gateway.url, { fetch: check.fetch, apiKey: admin.key });
    const { keys } = await unwrap(client.GET('/api/anime/keys'));
    expect(keys.at(-1)?.id).toBe(admin.id);
  });
});

describe('the user of the gateway’s own machine', () => {
  const localActor = async (headers: Record<string, string> = {}): Promise<string | undefined> => {
    const { body, status } = await local.send('POST', IMAGE, { body: { prompt: 'a fox' }, headers });
    if (status !== 202) return undefined;
    const last = await local.log.lastOfAggregate('job', String(body['jobId']));
    return last?.status === 'event' ? last.event.actor : undefined;
  };

  it('needs no key also when there are keys, and may show one to act as somebody else', async () => {
    const { key, actor } = await create(['jobs:write']);
    const own = await localActor();
    expect(own).toMatch(/^[0-9a-f-]{36}$/);
    expect(own).not.toBe(actor);
    await eventually(async () => (await localActor({ authorization: `Bearer ${key}` })) === actor, {
      what: 'the key is known',
    });
    expect(await localActor({ authorization: `Bearer anime_${'x'.repeat(43)}` })).toBeUndefined();
  });

  it('is nobody whom a page from elsewhere, a name that was made to point here, or a proxy speaks for', async () => {
    for (const headers of [
      { origin: 'https://example.org' },
      { origin: 'null' },
      { host: 'rebound.example.org' },
      { 'x-forwarded-for': '10.0.0.1' },
    ]) {
      const refused = await sendRaw(local.url, '/api/anime/jobs', headers);
      expect([headers, refused.status, refused.challenge]).toEqual([headers, 401, 'Bearer realm="anime"']);
    }
    const page = await sendRaw(local.url, '/api/anime/jobs', { origin: 'http://localhost:5173' });
    expect(page.status).toBe(200);
  });
});

it('a key that only looks like one of an actor is none: ids open nothing', async () => {
  expect(await send('GET', '/api/anime/jobs', admin.id)).toMatchObject({ status: 401 });
  expect(await send('GET', '/api/anime/jobs', uuidv7())).toMatchObject({ status: 401 });
});

it('every route of keys was called', () => {
  expect(check.uncalled(['keys'])).toEqual([]);
});
