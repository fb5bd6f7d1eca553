import { traceContextOf, type RecordedEvent } from '@anime/event-store';
import { messageOf } from '@anime/problem-details';
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';

const tracer = trace.getTracer('@anime/messaging');

/**
 * Runs a handler inside a CONSUMER span whose parent is the span that the event was appended in (attributes as
 * OpenTelemetry's messaging conventions name them). No payload goes into the span.
 */
export function inConsumerSpan<T>(
  consumer: string,
  stream: string,
  event: RecordedEvent,
  run: () => Promise<T>,
): Promise<T> {
  const parent = traceContextOf(event, context.active());
  const attributes = {
    'messaging.system': 'nats',
    'messaging.operation.type': 'process',
    'messaging.destination.name': stream,
    'messaging.consumer.group.name': consumer,
    'messaging.message.id': event.id,
    'anime.event.type': event.storedName,
    'anime.aggregate.id': event.aggregateId,
    'anime.position': event.position,
  };
  return tracer.startActiveSpan(
    `process ${event.type}`,
    { kind: SpanKind.CONSUMER, attributes },
    parent,
    async (span) => {
      try {
        return await run();
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
        throw error;
      } finally {
        span.end();
      }
    },
  );
}
