import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { FEATURES } from '../features.js';
import type { HttpGate } from './gate.js';
import { type Reply, text } from './reply.js';
import { forbidden, refusesOrigin, type Request } from './router.js';

/** Whoever answers at the moment: after a restart another one. */
export type Responder = (request: Omit<Request, 'parameters'>) => Promise<Reply>;

/** Routes of the simulator itself, which no fault may keep a test from. */
const CONTROL_PREFIX = '/simulator/';

export function createHttpServer(respond: Responder, gate: HttpGate): Server {
  const server = createServer((request, response) => {
    answer(respond, gate, request, response).catch((error: unknown) => {
      process.stderr.write(`ComfyUI simulator: ${String(error)}\n`);
      response.destroy();
    });
  });
  // ComfyUI keeps idle connections for an hour; Node's default of 5 s would make clients meet resets it never sends.
  server.keepAliveTimeout = 3_630_000;
  return server;
}

async function answer(
  respond: Responder,
  gate: HttpGate,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://simulator');
  const body = await readBody(request);
  await gate.pass(url.pathname.startsWith(CONTROL_PREFIX));
  if (body === undefined) return write(request, response, tooLarge());
  const reply = refusesOrigin(request.headers)
    ? forbidden()
    : await respond({
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
  const body = Buffer.from(reply.body ?? '');
  if (reply.afterwards !== undefined) response.once('close', reply.afterwards);
  if (reply.cutAfter === 0) return void request.socket.destroy();
  response.statusCode = reply.status;
  for (const [name, value] of Object.entries(reply.headers ?? {})) response.setHeader(name, value);
  response.setHeader('server', 'ComfyUI simulator');
  if (reply.status !== 304 && !response.hasHeader('transfer-encoding'))
    response.setHeader('content-length', body.length);
  if (request.method === 'HEAD') return void response.end();
  if (reply.cutAfter !== undefined) {
    response.write(body.subarray(0, reply.cutAfter), () => request.socket.destroy());
    return;
  }
  // Handed to `end`, the body would make Node decode the UTF-8 of a file name and then cut it to Latin-1.
  if (body.length > 0) response.write(body);
  response.end();
}
