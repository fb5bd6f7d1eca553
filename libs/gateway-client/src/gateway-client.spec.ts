import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createGatewayClient, GatewayError, unwrap, type GatewayClient } from './index.js';

const ID = '0199f0f0-0000-7000-8000-000000000001';
const PROBLEM = {
  type: 'urn:anime:problem:job-not-found',
  title: 'There is no such job',
  status: 404,
  detail: 'no job 1',
  instance: '/api/anime/jobs/1',
  code: 'job-not-found',
  retryable: false,
  requestId: 'r1',
};

describe('the gateway client', () => {
  let server: Server;
  let client: GatewayClient;
  const seen: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      const [status, type, body] = request.url?.startsWith('/api/anime/jobs?')
        ? [200, 'application/json', JSON.stringify({ jobs: [], nextCursor: null, position: 7 })]
        : request.url?.endsWith('/events')
          ? [502, 'text/html', '<h1>Bad gateway</h1>']
          : [404, 'application/problem+json', JSON.stringify(PROBLEM)];
      response.writeHead(status, { 'content-type': type }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = createGatewayClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  });
  afterAll(() => {
    server.close();
  });

  it('has the types of the committed OpenAPI document (npm run generate:api -w @anime/gateway-client)', async () => {
    const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
    const cli = at('../../../node_modules/openapi-typescript/bin/cli.js');
    const check = promisify(execFile)(process.execPath, [
      cli,
      at('../../../contracts/generated/openapi.json'),
      '--check',
      '--output',
      at('./generated/api.ts'),
    ]);
    await expect(check).resolves.toMatchObject({ stdout: expect.stringContaining('openapi-typescript') });
  });

  it('gives the data of a good answer', async () => {
    const page = await unwrap(
      client.GET('/api/anime/jobs', { params: { query: { status: ['queued', 'running'], limit: 5 } } }),
    );
    expect(page.position).toBe(7);
    expect(seen).toContain('GET /api/anime/jobs?status=queued&status=running&limit=5');
  });

  it('throws the problem of a bad one', async () => {
    const error = await unwrap(client.GET('/api/anime/jobs/{id}', { params: { path: { id: ID } } })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GatewayError);
    expect(error).toMatchObject({
      status: 404,
      problem: PROBLEM,
      message: 'There is no such job (job-not-found): no job 1',
    });
  });

  it('says what it got when the answer is not the gateway’s', async () => {
    const error = await unwrap(client.GET('/api/anime/jobs/{id}/events', { params: { path: { id: ID } } })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ status: 502, problem: undefined, message: 'HTTP 502: <h1>Bad gateway</h1>' });
  });
});
