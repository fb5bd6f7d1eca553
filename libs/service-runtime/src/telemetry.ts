/** Set once tracing runs. */
let running: { shutdown(): Promise<void> } | undefined;

const OPERATIONAL_PATHS: ReadonlySet<string> = new Set(['/health', '/ready', '/metrics']);

/**
 * Starts tracing when OTEL_EXPORTER_OTLP_ENDPOINT is set (OTLP over HTTP); otherwise does nothing, because loading the
 * SDK takes a third of a second. Must run before `http`, `undici` and `pg` are loaded, so call it first in `main.ts` and import the rest
 * dynamically behind it (`runMain` does).
 */
export async function startTelemetry(service: string): Promise<void> {
  if (running !== undefined || (process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '') === '') return;
  // The SDK would send these two by default, to paths that a traces-only receiver does not have.
  process.env['OTEL_METRICS_EXPORTER'] ??= 'none';
  process.env['OTEL_LOGS_EXPORTER'] ??= 'none';
  const [
    { NodeSDK },
    { OTLPTraceExporter },
    { HttpInstrumentation },
    { UndiciInstrumentation },
    { PgInstrumentation },
  ] = await Promise.all([
    import('@opentelemetry/sdk-node'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/instrumentation-http'),
    import('@opentelemetry/instrumentation-undici'),
    import('@opentelemetry/instrumentation-pg'),
  ]);
  const sdk = new NodeSDK({
    serviceName: service,
    traceExporter: new OTLPTraceExporter(),
    instrumentations: [
      new HttpInstrumentation({
        ignoreIncomingRequestHook: (request) => OPERATIONAL_PATHS.has((request.url ?? '').split('?')[0] ?? ''),
        requireParentforOutgoingSpans: true,
      }),
      // Polling without a cause of its own would fill the receiver with traces of one span.
      new UndiciInstrumentation({ requireParentforSpans: true }),
      new PgInstrumentation({ requireParentSpan: true }),
    ],
  });
  sdk.start();
  running = sdk;
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
