import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { challengeOf, missingScope, type Caller, type Doorkeeper } from '@anime/api-keys';
import { API_KEY_PREFIX, Uuid, type Scope } from '@anime/contracts';
import { problemJson, ProblemError, PROBLEM_MEDIA_TYPE, toProblem, type FieldError } from '@anime/problem-details';
import { traceRequest } from '@anime/service-runtime';
import { WebSocketServer } from 'ws';
import { parseToken, type Place } from '../../domain/viewing/resume.js';
import type { Viewers } from '../../viewers/viewers.js';

/** Where viewers connect: `/api/anime/jobs/{id}/progress?resume=<token>`. */
export const PROGRESS_PATH = 'api/anime/jobs/:id/progress';
const PATH = /^\/api\/anime\/jobs\/([^/]*)\/progress$/;
/** Viewers have nothing to say; whoever sends more is cut off (1009). */
const LARGEST_MESSAGE = 4_096;

/** What whoever looks at a job must be allowed to do. */
const WANTED: Scope = 'jobs:read';

interface Wish {
  readonly caller: Caller;
  readonly jobId: string;
  readonly from: Place | undefined;
}

/**
 * Takes WebSocket upgrades on the service's own HTTP server and hands good ones to `viewers`; the rest gets problem+json.
 * A page in a browser cannot send the header Authorization with a WebSocket: it offers its API key as one of the
 * subprotocols, `new WebSocket(address, ['anime.progress', key])`. In a query it would stand in logs and histories.
 */
export function openProgressDoor(server: Server, viewers: Pick<Viewers, 'add'>, doorkeeper: Doorkeeper): void {
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    clientTracking: false,
    maxPayload: LARGEST_MESSAGE,
    // A browser wants one of those that it offered; the key is never sent back.
    handleProtocols: (offered) => [...offered].find((protocol) => !isKey(protocol)) ?? false,
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
        wish = readWish(request, doorkeeper);
      } catch (error) {
        const problem = toProblem(error);
        refuse(socket, request, problem, traced.traceId);
        return traced.end(problem.status);
      }
      sockets.handleUpgrade(request, socket, head, (connection) => {
        status = 101;
        viewers.add(wish.jobId, connection, wish.from, () => doorkeeper.mayStay(wish.caller));
      });
      traced.end(status);
    });
  });
}

/** @throws ProblemError `not-found`, `validation-failed`, `scope-missing`, and what `Doorkeeper.caller` throws */
function readWish(request: IncomingMessage, doorkeeper: Doorkeeper): Wish {
  const { pathname, searchParams } = addressOf(request);
  const id = PATH.exec(pathname)?.[1];
  if (id === undefined) throw new ProblemError('not-found', `There is nothing at ${pathname}`);
  const caller = doorkeeper.caller(request.headersDistinct, protocolsOf(request).filter(isKey));
  const missing = missingScope(caller, WANTED);
  if (missing !== undefined) throw missing;
  const errors: FieldError[] = [];
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
  return { caller, jobId: jobId.data, from: token === null ? undefined : parseToken(token) };
}

/** The subprotocols that a client offers. */
function protocolsOf({ headersDistinct }: IncomingMessage): string[] {
  return (headersDistinct['sec-websocket-protocol'] ?? [])
    .flatMap((value) => value.split(','))
    .map((name) => name.trim());
}

function isKey(protocol: string): boolean {
  return protocol.startsWith(API_KEY_PREFIX);
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
  const challenge = challengeOf(problem, WANTED);
  const more = [
    ...(challenge === undefined ? [] : [`www-authenticate: ${challenge}\r\n`]),
    ...(problem.retryAfter === undefined ? [] : [`retry-after: ${Math.ceil(problem.retryAfter)}\r\n`]),
  ].join('');
  socket.end(
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}\r\ncontent-type: ${PROBLEM_MEDIA_TYPE}\r\nx-request-id: ${requestId}\r\n${more}` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
