import { challengeOf, demandScope, type Caller, type Doorkeeper } from '@anime/api-keys';
import type { Scope } from '@anime/contracts';
import { ROUTES, type Route } from '@anime/contracts/http';
import { toProblem } from '@anime/problem-details';
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
 * Finds out who sends each request, before its body is read, and refuses whom its route does not allow. A path that is
 * neither a route of the API nor open to all is for `admin` alone.
 * @param onCaller told of each caller that is let in
 */
export function knowCaller(
  app: NestFastifyApplication,
  doorkeeper: Doorkeeper,
  onCaller: (caller: Caller) => void,
): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', (request, reply, done) => {
      const { url } = request.routeOptions;
      // No route: whoever asks gets the 404.
      if (url === undefined || request.is404 || OPEN.test(url)) return done();
      const scope = WANTED.get(`${request.method === 'HEAD' ? 'GET' : request.method} ${url}`) ?? 'admin';
      try {
        const caller = doorkeeper.caller(request.raw.headersDistinct);
        demandScope(caller, scope);
        Object.assign(request, { caller } satisfies RequestWithCaller);
        onCaller(caller);
        done();
      } catch (error) {
        const problem = toProblem(error);
        const challenge = challengeOf(problem, scope);
        if (challenge !== undefined) void reply.header('www-authenticate', challenge);
        done(problem);
      }
    });
}
