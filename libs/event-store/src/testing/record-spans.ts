import type { ReadableSpan } from '@opentelemetry/sdk-trace';

export interface SpanRecord {
  /** Those that have ended, in the order of their ends. */
  spans(): readonly ReadableSpan[];
  stop(): Promise<void>;
}

/** Keeps the spans of a test file; once per file, as tracers hold on to the first provider that they meet. */
export async function recordSpans(): Promise<SpanRecord> {
  // Loaded only where it is used: this door is every test's.
  const [{ context, trace }, { AsyncLocalStorageContextManager }, sdk] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/sdk-trace'),
  ]);
  const exporter = new sdk.InMemorySpanExporter();
  const provider = new sdk.TracerProvider({ spanProcessors: [new sdk.SimpleSpanProcessor({ exporter })] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  return {
    spans: () => exporter.getFinishedSpans(),
    stop: async () => {
      trace.disable();
      context.disable();
      await provider.shutdown();
    },
  };
}
