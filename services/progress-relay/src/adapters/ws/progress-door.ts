import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { Uuid } from '@anime/contracts';
import { problemJson, ProblemError, PROBLEM_MEDIA_TYPE, toProblem, type FieldError } from '@anime/problem-details';
import { traceRequest } from '@anime/service-runtime';
import { WebSocketServer } from 'ws';
import { parseToken, type Place } from '../../domain/viewing/resume.js';
import type { Viewers } from '../../viewers/viewers.js';
import { originAllowed } from './origin.js';

/** Where viewers connect: `/api/anime/jobs/{id}/progress?resume=<token>`. */
export const PROGRESS_PATH = 'api/anime/jobs/:id/progress';
const PATH = /^\/api\/anime\/jobs\/([^/]*)\/progress$/;
/** Viewers have nothing to say; whoever sends more is cut off (1009). */
const LARGEST_MESSAGE = 4_096;

interface Wish {
  readonly jobId: string;
  readonly from: Place | undefined;
}

/** Takes WebSocket upgrades on the service's own HTTP server and hands good ones to `viewers`; the rest gets problem+json. */
export function openProgressDoor(server: Server, viewers: Pick<Viewers, 'add'>, bound: string): void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: LARGEST_MESSAGE,
  });
  sockets.on('wsClientError', (error, socket, request) => {
    refuse(socket, request, new ProblemError('validation-failed', `Not a WebSocket handshake: ${error.message}`));
  });
  // Any other upgrade, e.g. to h2c, is only an offer (RFC 9110, 7.8): the request is answered as if it were not there.
  Object.assign(server, {
    shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const { method = 'GET', headers, url = '/' } = request;
    const route = PATH.test(url.split('?', 1)[0] ?? '') ? `/${PROGRESS_PATH}` : undefined;
    const traced = traceRequest({ method, headers, url, route });
    traced.run(() => {
      let wish: Wish;
      // Unless the handshake is one.
      let status = 400;
      try {
        wish = readWish(request, bound);
      } catch (error) {
        const problem = toProblem(error);
        refuse(socket, request, problem, traced.traceId);
        return traced.end(problem.status);
      }
      sockets.handleUpgrade(request, socket, head, (connection) => {
        status = 101;
        viewers.add(wish.jobId, connection, wish.from);
      });
      traced.end(status);
    });
  });
}

/** @throws ProblemError `not-found`, `validation-failed` */
function readWish(request: IncomingMessage, bound: string): Wish {
  const { pathname, searchParams } = addressOf(request);
  const id = PATH.exec(pathname)?.[1];
  if (id === undefined) throw new ProblemError('not-found', `There is nothing at ${pathname}`);
  const errors: FieldError[] = [];
  if (!originAllowed(request.headers.origin, request.headers.host, bound)) {
    errors.push({ path: 'header/origin', message: `pages of ${request.headers.origin ?? ''} may not connect` });
  }
  const jobId = Uuid.safeParse(id);
  if (!jobId.success) errors.push({ path: 'path/id', message: 'must be a lower-case UUID' });
  for (const name of new Set(searchParams.keys())) {
    if (name !== 'resume') errors.push({ path: `query/${name}`, message: 'unknown' });
    else if (searchParams.getAll(name).length > 1) errors.push({ path: 'query/resume', message: 'must be given once' });
  }
  if (!jobId.success || errors.length > 0)
    throw new ProblemError('validation-failed', errors.map(({ path, message }) => `${path} ${message}`).join('; '), {
      errors,
    });
  const token = searchParams.get('resume');
  // A token that is none is like one of a stream that is gone: the viewer gets a reset.
  return { jobId: jobId.data, from: token === null ? undefined : parseToken(token) };
}

function addressOf(request: IncomingMessage): URL {
  const path = request.url ?? '/';
  const base = 'http://relay.invalid';
  // A path of two slashes would else be taken for a host.
  if (!path.startsWith('/') || path.startsWith('//') || !URL.canParse(path, base))
    throw new ProblemError('not-found', 'There is nothing at this address');
  return new URL(path, base);
}

function refuse(socket: Duplex, request: IncomingMessage, problem: ProblemError, traceId?: string): void {
  const requestId = randomUUID();
  const body = JSON.stringify(problemJson(problem, request.url?.split('?')[0] ?? '', requestId, traceId));
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\nx-request-id: ${requestId}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
