import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError } from '@anime/problem-details';
import { Body, Controller, Get, Param, Post, type DynamicModule } from '@nestjs/common';
import { Counter } from 'prom-client';
import { z } from 'zod';
import { fieldErrors } from './field-errors.js';
import { createLogger } from './logger.js';
import { createMetrics } from './metrics.js';
import { Readiness } from './readiness.js';
import { runService, type RunningService } from './run-service.js';

const Order = z.strictObject({ prompt: z.string().min(1), steps: z.int().min(1) });

class OrdersController {
  create(body: unknown): unknown {
    const { data: order, error } = Order.safeParse(body);
    if (error === undefined) return { order };
    throw new ProblemError('validation-failed', 'wrong', { errors: fieldErrors(error.issues, 'body') });
  }
  find(id: string): unknown {
    if (id === 'broken') throw new Error('the secret inner state');
    if (id === 'away') throw new ProblemError('log-unavailable', 'NATS is not connected');
    if (id === 'full') throw new ProblemError('log-full', 'no room', { retryAfter: 30 });
    throw new ProblemError('job-not-found', `There is no job ${id}`);
  }
}
// Decorators as calls: what they mark here is a test's own controller.
Controller('orders')(OrdersController);
const create = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'create') ?? {};
const find = Object.getOwnPropertyDescriptor(OrdersController.prototype, 'find') ?? {};
Post()(OrdersController.prototype, 'create', create);
Body()(OrdersController.prototype, 'create', 0);
Get(':id')(OrdersController.prototype, 'find', find);
Param('id')(OrdersController.prototype, 'find', 0);

class OrdersModule {}
const module: DynamicModule = { module: OrdersModule, controllers: [OrdersController] };

const lines: Record<string, unknown>[] = [];
const logger = createLogger('gateway', {
  level: 'debug',
  destination: { write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
});
const readiness = new Readiness();
let state = { ok: true, reason: null as string | null };
readiness.add('nats', () => state);
const metrics = createMetrics('gateway');
let service: RunningService;

beforeAll(async () => {
  new Counter({ name: 'anime_test_total', help: 'test', registers: [metrics] }).inc(3);
  service = await runService({
    name: 'gateway',
    version: '1.2.3',
    config: { HOST: '127.0.0.1', PORT: 0, LOG_LEVEL: 'debug' },
    module,
    readiness,
    logger,
    metrics,
    bodyLimit: 1_000,
  });
});
afterAll(() => service.stop());

async function call(
  path: string,
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(new URL(path, service.url), init);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}
const post = (
  body: string | Uint8Array<ArrayBuffer>,
  type = 'application/json',
  headers: Record<string, string> = {},
) => call('/orders', { method: 'POST', body, headers: { 'content-type': type, ...headers } });

describe('every error of a request is a problem', () => {
  const cases: [string, () => ReturnType<typeof call>, number, string][] = [
    ['JSON that is none', () => post('{"prompt":'), 400, 'bad-json'],
    ['an empty body announced as JSON', () => post(''), 400, 'bad-json'],
    ['a body with __proto__', () => post('{"__proto__":{"a":1}}'), 400, 'validation-failed'],
    ['bytes that are no UTF-8', () => post(Uint8Array.of(0x22, 0xff, 0x22)), 400, 'bad-json'],
    ['a path with a slash too many', () => call('/orders/'), 404, 'not-found'],
    [
      'a compressed body',
      () => post('{}', 'application/json', { 'content-encoding': 'gzip' }),
      415,
      'unsupported-media-type',
    ],
    ['a body over the limit', () => post(JSON.stringify({ prompt: 'x'.repeat(2_000) })), 413, 'body-too-large'],
    ['a form', () => post('a=b', 'application/x-www-form-urlencoded'), 415, 'unsupported-media-type'],
    ['plain text', () => post('hello', 'text/plain'), 415, 'unsupported-media-type'],
    ['fields that do not fit', () => post('{"prompt":"","stepz":1}'), 400, 'validation-failed'],
    ['an unknown path', () => call('/nowhere'), 404, 'not-found'],
    ['a path that cannot be decoded', () => call('/orders/%E0%A4%A'), 404, 'not-found'],
    ['a method that the path does not have', () => call('/orders/1', { method: 'PUT' }), 405, 'method-not-allowed'],
    ['a problem of our own', () => call('/orders/1'), 404, 'job-not-found'],
    ['an unforeseen error', () => call('/orders/broken'), 500, 'internal'],
  ];
  it.each(cases)('answers %s', async (_what, ask, status, code) => {
    const answer = await ask();
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({
      type: `urn:anime:problem:${code}`,
      status,
      code,
      title: expect.any(String),
      instance: expect.stringMatching(/^\//),
    });
    expect(answer.body['requestId']).toBe(answer.headers.get('x-request-id'));
  });

  it('names every bad field', async () => {
    const { body } = await post('{"prompt":"","stepz":1}');
    expect(body['errors']).toEqual([
      { path: '/prompt', message: expect.any(String) },
      { path: '/steps', message: expect.any(String) },
      { path: '/stepz', message: 'unknown field' },
    ]);
  });

  it('tells the methods that are possible', async () => {
    expect((await call('/orders/1', { method: 'DELETE' })).headers.get('allow')).toBe('GET, HEAD');
    expect((await call('/ready', { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD');
  });

  it('says when to come again while something is away', async () => {
    expect((await call('/orders/away')).headers.get('retry-after')).toBe('2');
    expect((await call('/orders/full')).headers.get('retry-after')).toBe('30');
  });

  it('shows nothing of an unforeseen error, and logs it under the request id', async () => {
    const answer = await call('/orders/broken', { headers: { 'x-request-id': 'mine-1' } });
    expect(answer.body['requestId']).toBe('mine-1');
    expect(JSON.stringify(answer.body)).not.toContain('secret inner state');
    expect(lines.find((line) => line['requestId'] === 'mine-1')).toMatchObject({
      level: 'error',
      err: { message: 'the secret inner state' },
    });
  });

  it('does not take a request id that could forge a log line', async () => {
    const { headers } = await call('/orders/1', { headers: { 'x-request-id': 'a b{"level":"fatal"}' } });
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('answers what is not HTTP as well', async () => {
    const socket = connect(service.port, '127.0.0.1');
    socket.end('NONSENSE\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 400 .*application\/problem\+json.*"code":"validation-failed"/s);
  });

  it('answers a head that is too large with one status', async () => {
    const socket = connect(service.port, '127.0.0.1');
    socket.end(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(
      /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n.*"status":431.*"code":"headers-too-large"/s,
    );
  });

  it('takes a valid request', async () => {
    expect(await post('{"prompt":"x","steps":20}')).toMatchObject({
      status: 201,
      body: { order: { prompt: 'x', steps: 20 } },
    });
  });
});

describe('the operational routes', () => {
  it('say that the service is alive, whatever else is away', async () => {
    state = { ok: false, reason: 'NATS is away' };
    expect(await call('/health')).toMatchObject({
      status: 200,
      body: { status: 'ok', service: 'gateway', version: '1.2.3', uptimeSeconds: expect.any(Number) },
    });
  });

  it('say 503 and the reason while the service is not ready, and 200 once it is', async () => {
    state = { ok: false, reason: 'NATS is away' };
    expect(await call('/ready')).toMatchObject({
      status: 503,
      body: { ready: false, checks: [{ name: 'nats', ok: false, reason: 'NATS is away' }] },
    });
    state = { ok: true, reason: null };
    expect(await call('/ready')).toMatchObject({ status: 200, body: { ready: true } });
  });

  it('give the metrics of Node and of the service', async () => {
    const text = await (await fetch(new URL('/metrics', service.url))).text();
    expect(text).toContain('anime_test_total{service="gateway"} 3');
    expect(text).toContain('process_cpu_seconds_total');
  });
});

describe('stopping', () => {
  it('is not delayed by a connection that is kept alive, and lets a request under way end', async () => {
    let finish: (() => void) | undefined;
    const second = await runService({
      name: 'orchestrator',
      version: '1',
      config: { HOST: '127.0.0.1', PORT: 0, LOG_LEVEL: 'silent' },
      module: { module: OrdersModule },
      readiness: new Readiness(),
      configure: (app) => {
        app
          .getHttpAdapter()
          .getInstance()
          .get('/slow', () => new Promise((resolve) => (finish = () => resolve({ late: true }))));
      },
    });
    await (await fetch(new URL('/health', second.url))).text(); // fetch keeps this connection
    const answer = new Promise<string>((resolve, reject) => {
      const under = request(new URL('/slow', second.url), (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      });
      under.on('error', reject);
      under.end();
    });
    while (finish === undefined) await new Promise((resolve) => setImmediate(resolve));
    const began = performance.now();
    const stopped = second.stop();
    finish();
    expect(JSON.parse(await answer)).toEqual({ late: true });
    await stopped;
    expect(performance.now() - began).toBeLessThan(2_000);
    await expect(fetch(new URL('/health', second.url))).rejects.toThrow();
  });
});
