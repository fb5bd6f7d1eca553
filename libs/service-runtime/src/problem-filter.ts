import { PROBLEMS } from '@anime/contracts';
import { messageOf, PROBLEM_MEDIA_TYPE, ProblemError, problemJson, toProblem } from '@anime/problem-details';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { throwError, type Observable } from 'rxjs';
import type { Logger } from './logger.js';
import { tracedRequest } from './request-spans.js';
import type { RouteTable } from './route-table.js';

/** What a client gets to wait when a problem is temporary and says no time of its own, in seconds. */
const DEFAULT_RETRY_AFTER = 2;

/** Makes every error of a request an RFC 9457 answer; errors of message handlers pass through as they are. */
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;
  readonly #routes: RouteTable;

  constructor(logger: Logger, routes: RouteTable) {
    this.#logger = logger;
    this.#routes = routes;
  }

  catch(error: unknown, host: ArgumentsHost): Observable<never> | void {
    // Nest's own filter would turn the error of a message handler into "Internal server error" and so hide
    // whether a repeat makes sense.
    if (host.getType() === 'rpc') return throwError(() => error);
    const http = host.switchToHttp();
    this.#answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  #answer(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const path = request.url.split('?')[0] ?? request.url;
    const possible = request.is404 && isStatus(error, 404) ? this.#routes.methodsOf(path) : [];
    // Below a wildcard there may be nothing although the method is possible.
    const allowed = possible.includes(request.method) ? [] : possible;
    const problem =
      allowed.length > 0
        ? new ProblemError(
            'method-not-allowed',
            `${request.method} is not possible here; allowed: ${allowed.join(', ')}`,
          )
        : problemOfHttpError(error, request.method, path);
    const traced = tracedRequest(request);
    const log = (): void => this.#log(problem, request);
    if (traced === undefined) log();
    else traced.run(log);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy(); // an answer was under way: cutting it off is the only way to say that it is not whole
      return;
    }
    if (allowed.length > 0) void reply.header('allow', allowed.join(', '));
    const retryAfter =
      problem.retryAfter ?? (problem.status === 503 && problem.retryable ? DEFAULT_RETRY_AFTER : undefined);
    if (retryAfter !== undefined) void reply.header('retry-after', String(Math.ceil(retryAfter)));
    void reply
      .status(problem.status)
      .header('content-type', PROBLEM_MEDIA_TYPE)
      .header('x-request-id', request.id)
      .send(JSON.stringify(problemJson(problem, path, request.id, traced?.traceId)));
  }

  #log(problem: ProblemError, request: FastifyRequest): void {
    const fields = {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url,
      code: problem.code,
    };
    // What is wrong with a request may quote it, and a request may hold personal text (law 11): that is for the answer alone.
    if (problem.status < 500) this.#logger.debug(fields, PROBLEMS[problem.code].title);
    else if (problem.retryable) this.#logger.warn(fields, problem.message);
    else this.#logger.error({ ...fields, err: problem.cause ?? problem }, problem.message);
  }
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof HttpException && error.getStatus() === status;
}

// Called rather than written as a decorator: Node runs this file as it is, by removing its types, when a test starts a service.
Catch()(ProblemFilter);

/** Errors of Fastify arrive as Nest's HttpException with the original as its cause, or as they are. */
export function problemOfHttpError(error: unknown, method: string, path: string): ProblemError {
  if (error instanceof ProblemError) return error;
  const status = statusOf(error);
  if (status === undefined || status >= 500) return toProblem(error);
  const cause = { cause: error };
  const message = messageOf(error);
  switch (codeOf(error)) {
    case 'FST_ERR_MAX_PARAM_LENGTH':
    case 'FST_ERR_BAD_URL':
      return new ProblemError('not-found', `There is nothing at ${path}`, cause);
    default:
      break;
  }
  switch (status) {
    case 404:
      return new ProblemError('not-found', `There is nothing at ${method} ${path}`, cause);
    case 405:
      return new ProblemError('method-not-allowed', message, cause);
    case 413:
      return new ProblemError('body-too-large', message, cause);
    case 415:
      return new ProblemError('unsupported-media-type', message, cause);
    default:
      return new ProblemError('validation-failed', message, cause);
  }
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  const status = field(error, 'statusCode');
  return typeof status === 'number' ? status : undefined;
}

function codeOf(error: unknown): unknown {
  return field(error instanceof HttpException ? error.cause : error, 'code');
}

/** By shape: an error of the runtime need not be of this context's `Error`. */
function field(error: unknown, name: 'statusCode' | 'code'): unknown {
  return typeof error === 'object' && error !== null
    ? (error as { readonly [key in typeof name]?: unknown })[name]
    : undefined;
}
