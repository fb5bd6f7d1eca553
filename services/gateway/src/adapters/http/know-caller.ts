import { challengeOf, missingScope, type Caller, type Doorkeeper } from '@anime/api-keys';
import type { Scope } from '@anime/contracts';
import { ROUTES, type Route } from '@anime/contracts/http';
import { toProblem, type ProblemError } from '@anime/problem-details';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { RequestWithCaller } from './caller.js';
import { nestPath } from './read-request.js';

/** What is there for everybody: how the process is, and how to use it. Nothing here tells of anybody's work. */
const OPEN = /^\/(health|ready|metrics|openapi\.json|docs(\/.*)?)$/;

/** By method and path: what a caller must be allowed to do. */
const WANTED: ReadonlyMap<string, Scope> = new Map(
  Object.values<Route>(ROUTES).map((route) => [`${route.method.toUpperCase()} ${nestPath(route)}`, route.scope]),
);

/**
 * Finds out who sends each request, and refuses whom its route does not allow before the body is read. In two steps: what
 * stands between them, like the limit of requests, counts refused ones too. A path that is neither a route of the API nor
 * open to all is for `admin` alone.
 * @param onCaller told of each caller that is let in
 */
export function knowCaller(
  app: NestFastifyApplication,
  doorkeeper: Doorkeeper,
  onCaller: (caller: Caller) => void,
): void {
  const refusals = new WeakMap<object, ProblemError>();
  const fastify = app.getHttpAdapter().getInstance();
  fastify.addHook('onRequest', (request, _reply, done) => {
    if (wantedOf(request) === undefined) return done();
    try {
      const caller = doorkeeper.caller(request.raw.headersDistinct);
      Object.assign(request, { caller } satisfies RequestWithCaller);
    } catch (error) {
      refusals.set(request, toProblem(error));
    }
    done();
  });
  fastify.addHook('preParsing', (request, reply, _payload, done) => {
    const wanted = wantedOf(request);
    if (wanted === undefined) return done();
    const { caller } = request as typeof request & RequestWithCaller;
    const problem = caller === undefined ? refusals.get(request) : missingScope(caller, wanted);
    if (problem !== undefined) {
      const challenge = challengeOf(problem, wanted);
      if (challenge !== undefined) void reply.header('www-authenticate', challenge);
      return done(problem);
    }
    if (caller !== undefined) onCaller(caller);
    done();
  });
}

/** What is used of Fastify's request. */
interface RoutedRequest {
  readonly method: string;
  readonly is404: boolean;
  readonly routeOptions: { readonly url?: string | undefined };
}

/** What the caller must be allowed to do; undefined: nothing, or there is no such path and whoever asks gets the 404. */
function wantedOf({ method, is404, routeOptions: { url } }: RoutedRequest): Scope | undefined {
  if (url === undefined || is404 || OPEN.test(url)) return undefined;
  return WANTED.get(`${method === 'HEAD' ? 'GET' : method} ${url}`) ?? 'admin';
}
