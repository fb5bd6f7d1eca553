import { startSpan } from '@anime/event-store/tracing';
import { SPANS } from '@anime/contracts/telemetry';
import { context, isSpanContextValid, propagation, SpanStatusCode, trace } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** What operators ask again and again is not worth a trace. */
const OPERATIONAL_PATHS: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

const ID_OR_SLUG = /^[a-z0-9-]{1,64}$/;

export interface TracedRequest {
  /** For its answer. */
  readonly traceId: string | undefined;
  /** Runs inside the span what handles the request. */
  run<T>(handle: () => T): T;
  /** @param status of the answer */
  end(status: number): void;
}

export interface RequestToTrace {
  readonly method: string;
  readonly headers: Readonly<Record<string, unknown>>;
  /** With or without a query. */
  readonly url: string;
  /** As it was declared; undefined for a path that has none. */
  readonly route: string | undefined;
}

/**
 * Begins the SERVER span of a request (attributes as OpenTelemetry's HTTP conventions name them), whose parent is the
 * caller's `traceparent`. No query and no header goes into the span, nor a path that no route knows, nor a parameter that is
 * neither an id nor a slug: it may hold anything, an API key in the place of its id for one.
 */
export function traceRequest({ method, headers, url, route }: RequestToTrace): TracedRequest {
  const parent = propagation.extract(context.active(), headers);
  const span = startSpan(SPANS.request, {
    name: { method, ...(route === undefined ? {} : { route }) },
    parent,
    attributes: {
      'http.request.method': method,
      ...(route === undefined ? {} : { 'http.route': route, 'url.path': pathOf(url, route) }),
    },
  });
  const inside = trace.setSpan(parent, span);
  const spanContext = span.spanContext();
  return {
    traceId: isSpanContextValid(spanContext) ? spanContext.traceId : undefined,
    run: (handle) => context.with(inside, handle),
    end: (status) => {
      span.setAttribute('http.response.status_code', status);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute('error.type', String(status));
      span.end();
    },
  };
}

/** The path, in which a parameter that is neither an id nor a slug is named as its route names it. */
function pathOf(url: string, route: string): string {
  const parts = url.split('?', 1)[0]?.split('/') ?? [];
  const shown = (place: string, part = ''): string => (place.startsWith(':') && ID_OR_SLUG.test(part) ? part : place);
  return route
    .split('/')
    .map((place, at) => shown(place, parts[at]))
    .join('/');
}

const traced = new WeakMap<FastifyRequest, TracedRequest>();

/** Gives each request its span; handlers run inside it. */
export function traceRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { method, headers, url } = request;
    const path = url.split('?', 1)[0] ?? '';
    if (!OPERATIONAL_PATHS.has(path))
      traced.set(request, traceRequest({ method, headers, url, route: request.routeOptions.url }));
    done();
  });
  // The last hook before the handler: what reads the body in between leaves the context of an earlier one.
  fastify.addHook('preHandler', (request, _reply, done) => {
    const span = tracedRequest(request);
    if (span === undefined) done();
    else span.run(done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    tracedRequest(request)?.end(reply.statusCode);
    done();
  });
}

/** A request's span; undefined when it has none. */
export function tracedRequest(request: FastifyRequest): TracedRequest | undefined {
  return traced.get(request);
}
