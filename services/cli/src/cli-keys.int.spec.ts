import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anime } from './testing/anime.js';

describe('API keys', () => {
  const KEY = `anime_${'k'.repeat(43)}`;
  const ID = '0199f0f0-0000-7000-8000-000000000001';
  const ACTOR = '0199f0f0-0000-7000-8000-000000000002';
  const LISTED = {
    id: ID,
    hint: 'anime_kkkk',
    actor: ACTOR,
    scopes: ['jobs:read', 'review'],
    label: { subject: ACTOR, text: 'render box', unavailable: null },
    issuedAt: '2026-01-02T03:04:05.678Z',
    issuedBy: 'service:gateway',
    expiresAt: null,
    revokedAt: null,
    lastUsedAt: '2026-01-03T03:04:00.000Z',
  };
  let server: Server;
  let gateway: string;
  const seen: { asked: string; authorization: string | undefined; body: string }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        const { authorization } = request.headers;
        seen.push({ asked: `${request.method} ${request.url}`, authorization, body });
        const problem = (status: number, code: string) => ({
          title: 'No',
          status,
          detail: 'no',
          code,
          retryable: false,
        });
        const [status, answer] =
          authorization === undefined
            ? [401, problem(401, 'unauthenticated')]
            : authorization !== `Bearer ${KEY}`
              ? [401, problem(401, 'key-invalid')]
              : request.url === '/api/anime/jobs?limit=20'
                ? [403, problem(403, 'scope-missing')]
                : request.method === 'GET'
                  ? [
                      200,
                      { keys: [LISTED, { ...LISTED, revokedAt: LISTED.issuedAt, label: null }], lastUseKnown: true },
                    ]
                  : request.url === '/api/anime/keys'
                    ? [
                        201,
                        {
                          id: ID,
                          key: KEY,
                          hint: 'anime_kkkk',
                          actor: ACTOR,
                          scopes: ['jobs:read'],
                          expiresAt: null,
                          position: 3,
                        },
                      ]
                    : [200, { id: ID, position: 4 }];
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const keys = (args: readonly string[], env: Readonly<Record<string, string>> = { ANIME_API_KEY: KEY }) =>
    anime(args, { ANIME_GATEWAY: gateway, ...env });

  it('create prints the key alone on standard output, and what it is beside it', async () => {
    const args = [
      '--scopes',
      'jobs:read, review',
      '--label',
      'render box',
      '--actor',
      ACTOR,
      '--expires',
      '2030-01-31',
    ];
    const created = await keys(['keys', 'create', ...args]);
    expect(created).toMatchObject({ code: 0, out: `${KEY}\n`, err: expect.stringContaining(`acts as ${ACTOR}`) });
    expect(created.err).not.toContain(KEY);
    expect(seen.at(-1)).toMatchObject({ asked: 'POST /api/anime/keys', authorization: `Bearer ${KEY}` });
    expect(JSON.parse(seen.at(-1)?.body ?? '')).toEqual({
      scopes: ['jobs:read', 'review'],
      label: 'render box',
      actor: ACTOR,
      expiresAt: '2030-01-31T00:00:00.000Z',
    });
    expect(JSON.parse((await keys(['keys', 'create', '--scopes', 'admin', '--json'])).out)).toMatchObject({ key: KEY });
  });

  it('list shows state, scopes and last use of each', async () => {
    const { out } = await keys(['keys', 'list']);
    expect(out).toMatch(
      new RegExp(`^${ID} +anime_kkkk… +valid +jobs:read,review +2026-01-03T03:04:00.000Z +${ACTOR} +render box$`, 'm'),
    );
    expect(out).toMatch(/ revoked 2026-01-02T03:04:05.678Z /);
  });

  it('revoke takes the id, and sends nothing when it is given the key itself', async () => {
    expect(await keys(['keys', 'revoke', ID])).toMatchObject({ code: 0, out: `Key ${ID} opens nothing any more.\n` });
    expect(seen.at(-1)?.asked).toBe(`POST /api/anime/keys/${ID}/revoke`);
    const before = seen.length;
    const refused = await keys(['keys', 'revoke', KEY]);
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('keys list shows the ids') });
    expect([seen.length, refused.err.includes(KEY)]).toEqual([before, false]);
  });

  it.each([
    [['keys', 'create']],
    [['keys', 'create', '--scopes', 'everything']],
    [['keys', 'create', '--scopes', 'admin', '--actor', 'me']],
    [['keys', 'create', '--scopes', 'admin', '--expires', 'tomorrow']],
    [['keys', 'revoke']],
  ])('%j is a wrong command line', async (args) => {
    expect(await keys(args)).toMatchObject({ code: 2, out: '' });
  });

  it.each(['list', 'show', 'cancel'])('goes with jobs %s too, from --key or ANIME_API_KEY', async (command) => {
    const args = command === 'list' ? ['--limit', '1'] : [ID];
    await anime(['jobs', command, ...args, '--gateway', gateway, '--key', KEY]);
    expect(seen.at(-1)?.authorization).toBe(`Bearer ${KEY}`);
    await keys(['jobs', command, ...args]);
    expect(seen.at(-1)?.authorization).toBe(`Bearer ${KEY}`);
  });

  it('that is missing, refused or too weak is explained with the next step', async () => {
    const missing = await keys(['jobs', 'list'], {});
    expect(missing).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/unauthenticated.*\n.*ANIME_API_KEY.*create --admin/),
    });
    const other = `anime_${'x'.repeat(43)}`;
    const refused = await keys(['keys', 'list'], { ANIME_API_KEY: other });
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/key-invalid.*\n.*keys create/) });
    expect(refused.err).not.toContain(other);
    expect(await keys(['jobs', 'list'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/scope-missing.*\n.*--scopes/),
    });
  });

  it('that has not the form of one is neither sent nor shown', async () => {
    const before = seen.length;
    const refused = await keys(['jobs', 'list'], { ANIME_API_KEY: 'hunter2\nx' });
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('ANIME_API_KEY is not an API key') });
    expect([seen.length, refused.err.includes('hunter2')]).toEqual([before, false]);
  });
});
