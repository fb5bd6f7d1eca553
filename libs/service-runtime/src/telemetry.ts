import { randomUUID } from 'node:crypto';
import { SPANS, spanName } from '@anime/contracts/telemetry';
import type { Logger } from './logger.js';
import { quiet } from './quiet-exporter.js';
import { watched } from './watched-exporter.js';

/** A projection that catches up ends thousands at once; what is beyond this is dropped. */
const MAX_HELD_SPANS = 16_384;
const SEND_EVERY_MS = 1_000;

/** Set once spans are exported. */
let running: { shutdown(): Promise<void> } | undefined;
let instance: string | undefined;

/** The id of this process that its spans carry; undefined where no telemetry was started, as in tests. */
export function telemetryInstance(): string | undefined {
  return instance;
}

/**
 * Makes trace context travel: from a request's `traceparent` into the events that it causes, and from event to event. With
 * OTEL_EXPORTER_OTLP_ENDPOINT set, spans are also exported (OTLP over HTTP), among them those of PostgreSQL and outgoing
 * HTTP; without it ids are made and nothing is recorded, as a log outlives the wish to look into it. Must run before
 * `undici` and `pg` are loaded, so call it first in `main.ts` and import the rest dynamically behind it (`runMain` does).
 * @param logger told when spans cannot be exported
 */
export async function startTelemetry(service: string, version: string, logger: Logger): Promise<void> {
  if (instance !== undefined) return;
  instance = randomUUID();
  const [
    { context, propagation, trace },
    { AsyncLocalStorageContextManager },
    { W3CTraceContextPropagator },
    { resourceFromAttributes },
    { AlwaysOffSampler, AlwaysOnSampler, BatchSpanProcessor, ParentBasedSampler, TracerProvider },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const isExported = (process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '') !== '';
  const root = isExported ? new AlwaysOnSampler() : new AlwaysOffSampler();
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.version': version,
      'service.instance.id': instance,
      'process.pid': process.pid,
    }),
    sampler: new ParentBasedSampler({ root }),
    spanProcessors: isExported
      ? [
          new BatchSpanProcessor({
            exporter: await exporter(logger),
            maxQueueSize: MAX_HELD_SPANS,
            scheduledDelayMillis: SEND_EVERY_MS,
          }),
        ]
      : [],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  if (!isExported) return;
  await instrument();
  running = provider;
}

async function exporter(logger: Logger) {
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  return watched(quiet(new OTLPTraceExporter()), logger);
}

/** Work without a cause of its own, as in polling, would fill the receiver with traces of one span. */
async function instrument(): Promise<void> {
  const [{ registerInstrumentations }, { UndiciInstrumentation }, { PgInstrumentation }] = await Promise.all([
    import('@opentelemetry/instrumentation'),
    import('@opentelemetry/instrumentation-undici'),
    import('@opentelemetry/instrumentation-pg'),
  ]);
  registerInstrumentations({
    instrumentations: [
      // A query may hold anything, the names of files too.
      new UndiciInstrumentation({
        requireParentforSpans: true,
        requestHook: (span, { origin, path }) =>
          span.setAttributes({ 'url.full': `${origin}${path.split('?', 1)[0] ?? ''}`, 'url.query': '' }),
      }),
      new PgInstrumentation({
        requireParentSpan: true,
        // The instrumentation's own takes what stands before the first space, and of a prepared statement its name.
        requestHook: (span, { query: { text }, connection: { database = '' } }) => {
          const operation = /\w+/.exec(text)?.[0].toUpperCase() ?? '';
          span.updateName(spanName(SPANS.database, { operation, database }));
        },
      }),
    ],
  });
}

/** Sends what is still held back; at most `timeoutMs`, so that an absent receiver does not delay the end. */
export async function stopTelemetry(timeoutMs = 2_000): Promise<void> {
  const sdk = running;
  if (sdk === undefined) return;
  running = undefined;
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, timeoutMs);
  try {
    await Promise.race([sdk.shutdown().catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
