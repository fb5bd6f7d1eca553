/** Spans, and how they go from event to event; loads nothing of NATS. */
export * from './trace-context.js';
export { failSpan, inSpan, startSpan, type SpanOptions } from './spans.js';
