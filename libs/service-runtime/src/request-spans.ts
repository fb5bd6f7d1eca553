import { context, propagation, SpanKind, SpanStatusCode, trace, type Context, type Span } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const tracer = trace.getTracer('@anime/service-runtime');
/** What operators ask again and again is not worth a trace. */
const OPERATIONAL_PATHS: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/**
 * Gives each request a SERVER span (attributes as OpenTelemetry's HTTP conventions name them), whose parent is the caller's
 * `traceparent`. Handlers run inside it. No query and no header goes into the span.
 */
export function traceRequests(fastify: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, { readonly span: Span; readonly inside: Context }>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    const path = request.url.split('?')[0] ?? '';
    if (OPERATIONAL_PATHS.has(path)) return done();
    const parent = propagation.extract(context.active(), request.headers);
    const route = request.routeOptions.url;
    const attributes = {
      'http.request.method': request.method,
      'url.path': path,
      ...(route === undefined ? {} : { 'http.route': route }),
    };
    const name = route === undefined ? request.method : `${request.method} ${route}`;
    const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    spans.set(request, { span, inside: trace.setSpan(parent, span) });
    done();
  });
  // The last hook before the handler: what reads the body in between leaves the context of an earlier one.
  fastify.addHook('preHandler', (request, _reply, done) => {
    const traced = spans.get(request);
    if (traced === undefined) done();
    else context.with(traced.inside, done);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const traced = spans.get(request);
    traced?.span.setAttribute('http.response.status_code', reply.statusCode);
    if (reply.statusCode >= 500) traced?.span.setStatus({ code: SpanStatusCode.ERROR });
    traced?.span.end();
    done();
  });
}
