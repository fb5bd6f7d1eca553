import { describe, expect, it } from '@jest/globals';
import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { quiet } from './quiet-exporter.js';

describe('what is exported of a failed span', () => {
  it('says that it failed, and with which type of error, but not what the error says', async () => {
    const sent = new InMemorySpanExporter();
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter: quiet(sent) })] });
    const span = provider
      .getTracer('test')
      .startSpan('pg.query:SELECT anime', { attributes: { 'error.type': '22P02' } });
    const error = new Error('invalid input syntax for type uuid: "Jane Doe"');
    span.recordException(error);
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.end();
    await provider.forceFlush();
    const [seen] = sent.getFinishedSpans();
    expect(seen?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(seen?.events).toEqual([]);
    expect(seen?.name).toBe('pg.query:SELECT anime');
    expect(seen?.attributes).toEqual({ 'error.type': '22P02' });
    expect(seen?.spanContext().traceId).toBe(span.spanContext().traceId);
    await provider.shutdown();
  });
});
