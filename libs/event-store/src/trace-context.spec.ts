import { describe, expect, it } from '@jest/globals';
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { recordedFrom } from './recorded-from.js';
import { cancelRequested, OTHER_JOB } from './testing/conformance/samples.js';
import { causedBy, currentTraceparent, traceContextOf } from './trace-context.js';

const TRACEPARENT = `00-${'a1'.repeat(16)}-${'b2'.repeat(8)}-01`;

describe('trace context', () => {
  it('goes into an event and out of it again unchanged', () => {
    const context = traceContextOf({ traceparent: TRACEPARENT });
    expect(trace.getSpanContext(context)).toMatchObject({
      traceId: 'a1'.repeat(16),
      spanId: 'b2'.repeat(8),
      traceFlags: 1,
      isRemote: true,
    });
    expect(currentTraceparent(context)).toBe(TRACEPARENT);
  });

  it('is absent when nothing is traced', () => {
    expect(currentTraceparent(ROOT_CONTEXT)).toBeUndefined();
    expect(traceContextOf({})).toBe(ROOT_CONTEXT);
    expect(traceContextOf({ traceparent: 'nonsense' })).toBe(ROOT_CONTEXT);
  });

  it('goes on with the correlation and the trace of the event that led to another', () => {
    const cause = recordedFrom(cancelRequested(undefined, { correlationId: OTHER_JOB, traceparent: TRACEPARENT }), 1);
    expect(causedBy(cause)).toEqual({ correlationId: OTHER_JOB, causationId: cause.id, traceparent: TRACEPARENT });
    const untraced = recordedFrom(cancelRequested(undefined, { correlationId: OTHER_JOB }), 1);
    expect(causedBy(untraced)).toEqual({ correlationId: OTHER_JOB, causationId: untraced.id });
  });
});
