import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { problemJson, ProblemError, PROBLEM_MEDIA_TYPE } from '@anime/problem-details';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { Registry } from 'prom-client';
import { METRICS } from '@anime/contracts/telemetry';
import { histogram } from './metrics.js';
import { acceptJsonBodies } from './json-body.js';
import type { Readiness } from './readiness.js';
import { problemOfHttpError } from './problem-filter.js';
import { traceRequests } from './request-spans.js';
import { RouteTable } from './route-table.js';

const REQUEST_ID = /^[\w.:-]{1,128}$/;

/** A caller's own id is kept when it is harmless in a log line; otherwise the request gets one. */
function requestId(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/** What is not HTTP at all never reaches a route; it gets the same kind of answer on the bare socket. */
function answerBadHttp(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const code = error.code === 'HPE_HEADER_OVERFLOW' ? 'headers-too-large' : 'validation-failed';
  const problem = new ProblemError(code, `Not a usable HTTP request: ${error.message}`);
  const body = JSON.stringify(problemJson(problem, '', randomUUID()));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

export interface HttpServerOptions {
  readonly name: string;
  readonly version: string;
  readonly readiness: Readiness;
  readonly metrics: Registry;
  readonly bodyLimit: number;
}

/** The Fastify adapter that Nest runs on, with `/health`, `/ready` and `/metrics`, and only JSON bodies. */
export function createHttpServer(options: HttpServerOptions): {
  readonly adapter: FastifyAdapter;
  readonly routes: RouteTable;
} {
  const { name, version, readiness, metrics } = options;
  const adapter = new FastifyAdapter({
    genReqId: requestId,
    bodyLimit: options.bodyLimit,
    clientErrorHandler: answerBadHttp,
    // What the router itself refuses (a path that cannot be decoded, an endless parameter) reaches no hook and no filter.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      const path = request.url.split('?')[0] ?? request.url;
      const problem = problemOfHttpError(error, request.method, path);
      void reply
        .status(problem.status)
        .headers({ 'content-type': PROBLEM_MEDIA_TYPE, 'x-request-id': request.id })
        .send(JSON.stringify(problemJson(problem, path, request.id)));
    },
    // While draining, requests that are already on a connection are still answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 512 },
  });
  const fastify = adapter.getInstance();
  acceptJsonBodies(fastify);
  const routes = new RouteTable(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  traceRequests(fastify);
  timeRequests(fastify, metrics);
  fastify.get('/health', () => ({ status: 'ok', service: name, version, uptimeSeconds: Math.round(process.uptime()) }));
  fastify.get('/ready', async (_request, reply) => {
    const report = await readiness.report();
    return reply.status(report.ready ? 200 : 503).send({ service: name, ...report });
  });
  fastify.get('/metrics', async (_request, reply) =>
    reply.header('content-type', metrics.contentType).send(await metrics.metrics()),
  );
  return { adapter, routes };
}

/** Times every request. Paths without a route count as one, or anybody could make as many series as he likes. */
function timeRequests(fastify: FastifyInstance, metrics: Registry): void {
  const seconds = histogram(metrics, METRICS.httpDuration);
  fastify.addHook('onResponse', ({ method, routeOptions: { url: route = 'unknown' } }, reply, done) => {
    seconds.observe({ method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    done();
  });
}

/**
 * Stops accepting, lets requests under way end, and closes their connections, kept-alive ones at once.
 * @param graceMs after which what is still open is cut off, e.g. event streams that never end by themselves
 */
export async function closeHttpServer(server: Server, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  // A connection becomes idle only when its last answer has been sent, so look again and again.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const grace = setTimeout(() => server.closeAllConnections(), graceMs);
  server.closeIdleConnections();
  try {
    await closed;
  } finally {
    clearInterval(idle);
    clearTimeout(grace);
  }
}
