import { context, ROOT_CONTEXT, trace, type Context } from '@opentelemetry/api';
import type { EventMeta, RecordedEvent } from './event.js';

/** W3C `traceparent` of the active span; undefined when nothing is traced. */
export function currentTraceparent(active: Context = context.active()): string | undefined {
  const span = trace.getSpanContext(active);
  if (span === undefined || !/[1-9a-f]/.test(span.traceId)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, '0')}`;
}

/** The context in which to go on with an event's trace; `base` unchanged when the event carries none. */
export function traceContextOf(event: Pick<EventMeta, 'traceparent'>, base: Context = ROOT_CONTEXT): Context {
  const match = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(event.traceparent ?? '');
  const [, traceId, spanId, flags] = match ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return base;
  return trace.setSpanContext(base, { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true });
}

/** What an event takes over from the event that led to it. Where a span is active, its append goes on from that one. */
export function causedBy(event: RecordedEvent): Pick<EventMeta, 'correlationId' | 'causationId' | 'traceparent'> {
  const { traceparent } = event;
  return {
    correlationId: event.correlationId,
    causationId: event.id,
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
