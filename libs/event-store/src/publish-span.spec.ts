import { JobCancelRequestedV1 } from '@anime/contracts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SpanKind, SpanStatusCode, type SpanContext } from '@opentelemetry/api';
import type { NewEvent } from './event.js';
import { uuidv7 } from './ids.js';
import { MemoryLog } from './memory/memory-log.js';
import { collect, recordSpans, testEvent, type SpanRecord } from './testing/index.js';
import { inSpan } from './tracing.js';

const CAUSE = { traceId: 'a1'.repeat(16), spanId: 'b2'.repeat(8) };
const TRACEPARENT = `00-${CAUSE.traceId}-${CAUSE.spanId}-01`;

function cancel(traceparent?: string): NewEvent {
  return testEvent(JobCancelRequestedV1, uuidv7(), {}, traceparent === undefined ? {} : { traceparent });
}

describe('the span of an append', () => {
  let record: SpanRecord;
  beforeAll(async () => {
    record = await recordSpans();
  });
  afterAll(() => record.stop());

  /** Appends, and gives the span and the `traceparent` that a reader finds. */
  async function appended(event: NewEvent, log = new MemoryLog()) {
    await log.append(event);
    const [entry] = await collect(log.read({ after: 0 }));
    const span = record.spans().at(-1);
    if (entry?.status !== 'event' || span === undefined) throw new Error('nothing was appended');
    const { traceId, spanId } = span.spanContext();
    return { span, own: `00-${traceId}-${spanId}-01`, read: entry.event.traceparent };
  }

  it('is the one that the event names, with the words of the messaging conventions and no data', async () => {
    const event = cancel();
    const { span, own, read } = await appended(event);
    expect(read).toBe(own);
    expect(span).toMatchObject({ name: 'publish job.cancel-requested', kind: SpanKind.PRODUCER });
    expect(span.attributes).toEqual({
      'messaging.system': 'nats',
      'messaging.operation.name': 'publish',
      'messaging.operation.type': 'send',
      'messaging.destination.name': 'memory',
      'messaging.destination.template': 'anime.job.{id}.gateway',
      'messaging.message.id': event.id,
      'anime.event.type': 'job.cancel-requested.v1',
      'anime.aggregate.id': event.aggregateId,
      'anime.position': 1,
      'anime.duplicate': false,
    });
  });

  it('goes on from the active span, and without one from what the event says', async () => {
    const alone = await appended(cancel(TRACEPARENT));
    expect(alone.span.parentSpanContext).toMatchObject(CAUSE);
    let active: SpanContext | undefined;
    const within = await inSpan(
      { name: 'decide', kind: 'internal', services: [], description: '', attributes: [] },
      {},
      (span) => {
        active = span.spanContext();
        return appended(cancel(TRACEPARENT));
      },
    );
    expect(within.span.parentSpanContext).toMatchObject({ traceId: active?.traceId, spanId: active?.spanId });
    expect(within.read).toBe(within.own);
  });

  it.each([undefined, `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`, `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`])(
    'begins a trace when the event says nothing of use: %s',
    async (traceparent) => {
      const { span, own, read } = await appended(cancel(traceparent));
      expect(span.parentSpanContext).toBeUndefined();
      expect(read).toBe(own);
    },
  );

  it('is failed with the code of the problem and without its words when the log refuses', async () => {
    const log = new MemoryLog();
    const refused = log.append(cancel(), { expect: { scope: 'aggregate', lastPosition: 7 } });
    await expect(refused).rejects.toThrow('expected position 7');
    const span = record.spans().at(-1);
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR });
    expect(span?.attributes['error.type']).toBe('append-conflict');
  });
});
