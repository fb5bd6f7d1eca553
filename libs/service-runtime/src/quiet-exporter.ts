import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

/**
 * Sends spans without the messages of errors, which instrumentations put into status and events: PostgreSQL quotes what it
 * could not take, and that may be anything that people wrote (law 11). Which error it was stands in `error.type`.
 */
export function quiet(exporter: SpanExporter): SpanExporter {
  return {
    export: (spans, done) => exporter.export(spans.map(withoutMessages), done),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  };
}

function withoutMessages(span: ReadableSpan): ReadableSpan {
  const changes = { status: { value: { code: span.status.code } }, events: { value: [] } };
  return Object.create(span, changes) as ReadableSpan; // `create` has no type of its own
}
