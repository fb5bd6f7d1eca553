import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { run } from './run.js';

const ID = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';
const LINKS = { self: '/api/anime/projects/demo-film', jobs: '/api/anime/jobs?project=demo-film' };
const SUMMARY = {
  id: ID,
  slug: 'demo-film',
  title: 'Demo film',
  settings: { negativePrompt: 'blurry', waitingLimit: 5 },
  createdAt: '2026-01-02T03:04:05.678Z',
  changedAt: '2026-01-02T03:04:05.678Z',
  archivedAt: null,
  revision: 12,
};
const ACKNOWLEDGED = { projectId: ID, slug: 'demo-film', position: 13, links: LINKS };
const problem = (code: string, status: number, detail: string) => ({
  type: `urn:anime:problem:${code}`,
  title: 'No',
  status,
  detail,
  instance: '/',
  code,
  retryable: false,
  requestId: 'r1',
});

describe('projects', () => {
  let server: Server;
  let gateway: string;
  let seen: { request: string; ifMatch: string | undefined; body: unknown }[];
  let changed: boolean;
  beforeEach(() => {
    seen = [];
    changed = false;
  });
  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method, url = '', headers } = request;
        const sent: unknown = body === '' ? undefined : JSON.parse(body);
        seen.push({ request: `${method} ${url}`, ifMatch: headers['if-match'], body: sent });
        const [status, answer] = answerTo(method ?? '', url);
        const type = status < 400 ? 'application/json' : 'application/problem+json';
        response.writeHead(status, { 'content-type': type }).end(JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    gateway = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  function answerTo(method: string, url: string): [number, object] {
    if (url.includes('/nobody')) return [404, problem('project-not-found', 404, 'there is no project nobody')];
    if (method === 'POST') return [url.endsWith('/archive') ? 200 : 201, ACKNOWLEDGED];
    if (method === 'PUT') {
      return changed ? [412, problem('precondition-failed', 412, 'its revision is "14"')] : [200, ACKNOWLEDGED];
    }
    if (url.startsWith('/api/anime/projects?')) return [200, { projects: [SUMMARY], nextCursor: 'more', position: 12 }];
    return [200, { ...SUMMARY, jobs: { completed: 3, failed: 0 }, links: LINKS }];
  }
  async function projects(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let out = '';
    let err = '';
    const to = {
      env: { ANIME_GATEWAY: gateway },
      out: (more: string) => (out += more),
      err: (more: string) => (err += more),
    };
    const code = await run(['projects', ...args], to);
    return { code, out, err };
  }

  it('create sends the title and the settings that are named', async () => {
    const limits = ['--waiting-limit', '5', '--running-limit', '2', '--max-attempts', '4', '--max-run-seconds', '600'];
    const args = ['demo-film', '--title', 'Demo film', ...limits, '--image-template', 'text-to-image@1'];
    expect(await projects('create', ...args)).toMatchObject({ code: 0, out: expect.stringContaining('demo-film') });
    const bounds = { runningLimit: 2, maxAttempts: 4, maxRunSeconds: 600 };
    const settings = { waitingLimit: 5, ...bounds, imageTemplate: 'text-to-image@1' };
    expect(seen).toMatchObject([
      { request: 'POST /api/anime/projects', body: { slug: 'demo-film', title: 'Demo film', settings } },
    ]);
    expect((await projects('create', 'demo-film')).code).toBe(2);
  });

  it('list shows those that take jobs, others where asked for, and how to see more', async () => {
    const listed = await projects('list');
    expect(listed).toMatchObject({ code: 0, err: expect.stringContaining('--cursor more') });
    expect(listed.out).toMatch(/^demo-film +2026-01-02T03:04:05.678Z +no +Demo film$/m);
    await projects('list', '--archived');
    await projects('list', '--all');
    expect(seen.map(({ request }) => request)).toEqual([
      'GET /api/anime/projects?archived=false&limit=20',
      'GET /api/anime/projects?archived=true&limit=20',
      'GET /api/anime/projects?limit=20',
    ]);
  });

  it('show names settings and the jobs that there are', async () => {
    const { out } = await projects('show', 'demo-film');
    expect(out).toMatch(/negativePrompt +blurry/);
    expect(out).toMatch(/completed +3/);
    expect(out).not.toMatch(/failed/);
    expect(await projects('show', 'nobody')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/there is no project nobody\n.*projects list --all/),
    });
  });

  it('set changes what is named, keeps the rest, and never undoes what somebody else changes meanwhile', async () => {
    expect(
      await projects('set', 'demo-film', '--checkpoint', 'a.safetensors', '--unset', 'waitingLimit'),
    ).toMatchObject({
      code: 0,
    });
    expect(seen.at(-1)).toEqual({
      request: 'PUT /api/anime/projects/demo-film/settings',
      ifMatch: '"12"',
      body: { negativePrompt: 'blurry', checkpoint: 'a.safetensors' },
    });
    changed = true;
    expect(await projects('set', 'demo-film', '--waiting-limit', '9')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/its revision is "14"\nSend the same command again/),
    });
    expect((await projects('set', 'demo-film', '--unset', 'colour')).code).toBe(2);
  });

  it('archive says so, as JSON when asked', async () => {
    const { out } = await projects('archive', 'demo-film', '--json');
    expect(JSON.parse(out)).toEqual(ACKNOWLEDGED);
    expect(seen.at(-1)).toMatchObject({ request: 'POST /api/anime/projects/demo-film/archive' });
  });
});
