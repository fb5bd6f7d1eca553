import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Executor } from '@anime/contracts/http';
import { run } from './run.js';

const ID = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';
const JOB = '0199f0f0-0000-7000-8000-000000000001';
const AT = '2026-01-02T03:04:05.678Z';
const EXECUTOR: Executor = Executor.parse({
  id: ID,
  name: 'gpu-a',
  comfyuiVersion: '0.33.0',
  simulator: false,
  devices: [{ name: 'cuda:0 NVIDIA GeForce RTX 2070', vramBytes: 8 * 2 ** 30 }],
  state: 'drained',
  paused: { since: AT, by: ID, reason: null },
  drained: { since: AT, reason: 'gpu-fault', message: 'an illegal memory access' },
  lost: null,
  environment: null,
  registeredAt: AT,
  openAttempts: [{ jobId: JOB, attempt: 2, status: 'running', startedAt: AT }],
  links: { self: '', pause: '', resume: '', environment: null },
});
const PROBLEM = {
  type: 'urn:anime:problem:job-not-failed',
  title: 'Only a failed job is tried again',
  status: 409,
  detail: 'it is completed',
  instance: '/',
  code: 'job-not-failed',
  retryable: false,
  requestId: 'r1',
};

describe('executors', () => {
  let server: Server;
  let gateway: string;
  let seen: { request: string; body: unknown }[];
  beforeEach(() => {
    seen = [];
  });
  beforeAll(async () => {
    server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method, url = '' } = request;
        seen.push({ request: `${method} ${url}`, body: body === '' ? undefined : JSON.parse(body) });
        const [status, answer] = answerTo(url);
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

  function answerTo(url: string): [number, object] {
    if (url === `/api/anime/jobs/${ID}/retry`) return [409, PROBLEM];
    if (url.endsWith('/retry')) return [202, { jobId: JOB, position: 9 }];
    if (/(pause|resume)$/.test(url)) return [202, { executorId: ID, position: 9 }];
    return [200, url === '/api/anime/executors' ? { executors: [EXECUTOR], position: 9 } : EXECUTOR];
  }
  async function anime(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    let out = '';
    let err = '';
    const to = {
      env: { ANIME_GATEWAY: gateway },
      out: (more: string) => (out += more),
      err: (more: string) => (err += more),
    };
    const code = await run(args, to);
    return { code, out, err };
  }

  it('list and show tell why an executor gets no work, what it has, and what to do', async () => {
    expect((await anime('executors', 'list')).out).toMatch(
      /^gpu-a +drained +2026-01-02T03:04:05.678Z +cuda:0 NVIDIA GeForce RTX 2070 8.0 GiB +1 +gpu-fault, an illegal memory access$/m,
    );
    const { out } = await anime('executors', 'show', 'gpu-a');
    expect(out).toContain(`${JOB}  attempt 2, running`);
    expect(out).toContain('npm run anime -- executors resume gpu-a');
    expect(JSON.parse((await anime('executors', 'show', 'gpu-a', '--json')).out)).toEqual(EXECUTOR);
  });

  it('pause and resume send the name and the reason', async () => {
    expect((await anime('executors', 'pause', 'gpu-a', '--reason', 'new fan')).code).toBe(0);
    await anime('executors', 'pause', 'gpu-a');
    expect((await anime('executors', 'resume', 'gpu-a')).out).toBe('gpu-a gets work again.\n');
    expect(seen).toEqual([
      { request: 'POST /api/anime/executors/gpu-a/pause', body: { reason: 'new fan' } },
      { request: 'POST /api/anime/executors/gpu-a/pause', body: {} },
      { request: 'POST /api/anime/executors/gpu-a/resume', body: undefined },
    ]);
  });

  it('a retry of a job says that it waits again, or why not', async () => {
    const { code, out } = await anime('jobs', 'retry', JOB, '--reason', 'more memory now');
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining(`${JOB} waits again`) });
    expect(seen).toEqual([{ request: `POST /api/anime/jobs/${JOB}/retry`, body: { reason: 'more memory now' } }]);
    expect(await anime('jobs', 'retry', ID)).toMatchObject({
      code: 1,
      err: expect.stringContaining('it is completed'),
    });
    expect((await anime('jobs', 'retry', 'no-id')).code).toBe(1);
  });
});
