import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { FEATURES } from '../features.js';
import { type Reply, text } from './reply.js';
import { forbidden, refusesOrigin, type Router } from './router.js';

/** @param latencyMs added before every answer, read anew for each request */
export function createHttpServer(router: Router, latencyMs: () => number): Server {
  const server = createServer((request, response) => {
    respond(router, request, response, latencyMs).catch((error: unknown) => {
      process.stderr.write(`ComfyUI simulator: ${String(error)}\n`);
      response.destroy();
    });
  });
  // ComfyUI keeps idle connections for an hour; Node's default of 5 s would make clients meet resets it never sends.
  server.keepAliveTimeout = 3_630_000;
  return server;
}

async function respond(
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  latencyMs: () => number,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const body = await readBody(request);
  if (latencyMs() > 0) await delay(latencyMs());
  if (body === undefined) return write(request, response, tooLarge());
  const reply = refusesOrigin(request.headers)
    ? forbidden()
    : await router.handle({
        method: request.method ?? 'GET',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
      });
  write(request, response, reply);
}

/** The whole body, or undefined when it is over the limit; it is read to the end all the same. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    length += bytes.length;
    if (length <= FEATURES.max_upload_size) chunks.push(bytes);
  }
  return length > FEATURES.max_upload_size ? undefined : Buffer.concat(chunks);
}

const tooLarge = (): Reply => text(`Maximum request body size ${FEATURES.max_upload_size} exceeded.`, 413);

function write(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const body = reply.body ?? '';
  response.statusCode = reply.status;
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  response.setHeader('server', 'ComfyUI simulator');
  if (reply.status !== 304) response.setHeader('content-length', Buffer.byteLength(body));
  response.end(request.method === 'HEAD' ? undefined : body);
}
