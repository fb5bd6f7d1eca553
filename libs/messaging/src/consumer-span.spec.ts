import { JobCancelRequestedV1, JobFailedV1 } from '@anime/contracts';
import { currentTraceparent, uuidv7 } from '@anime/event-store';
import { MemoryLog } from '@anime/event-store/memory';
import { recordSpans, testEvent, type SpanRecord } from '@anime/event-store/testing';
import { eventually } from '@anime/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { ProcessRow, ProjectionRow } from './consumer-table.js';
import { readRow, START, stopReading } from './testing/reader-studio.js';

const TRACE = 'a1'.repeat(16);
const traced = (flags: string) => ({ traceparent: `00-${TRACE}-${'b2'.repeat(8)}-${flags}` });

describe('the spans of a reader', () => {
  let record: SpanRecord;
  beforeAll(async () => {
    record = await recordSpans();
  });
  afterEach(stopReading);
  afterAll(() => record.stop());

  /** Reads three events, two of them of the row's own, and gives what was made for it. */
  async function read(kind: 'projection' | 'process', flags: string, failures = 0) {
    const log = new MemoryLog();
    const failure = { class: 'internal', message: 'x', attempts: 1 } as const;
    for (const event of [
      testEvent(JobCancelRequestedV1, uuidv7(), {}, traced(flags)),
      testEvent(JobFailedV1, uuidv7(), failure, traced(flags)),
      testEvent(JobCancelRequestedV1, uuidv7(), {}, traced(flags)),
    ])
      await log.append(event);
    const published = record.spans().slice(-3);
    const before = record.spans().length;
    let inside: string | undefined;
    let left = failures;
    const common = {
      name: 'model',
      events: [JobCancelRequestedV1],
      loadCheckpoint: async () => START,
      onBatch: async () => {
        inside = currentTraceparent();
        if (left > 0) {
          left -= 1;
          throw new Error('no room for Jane Doe');
        }
      },
    };
    const row: ProjectionRow | ProcessRow = { kind, ...common };
    const logged: (string | undefined)[] = [];
    const reading = readRow(log, row, () => logged.push(currentTraceparent()));
    // Of the batch as a whole, its spans included.
    await eventually(() => reading.status().lag === 0, { what: 'the batch is read' });
    return { published, made: record.spans().slice(before), inside, logged };
  }
  const idOf = (span: ReadableSpan | undefined) => span?.spanContext().spanId;

  it('hang each event of a projection under its append, with a link to the batch', async () => {
    const { published, made, inside } = await read('projection', '01');
    const batch = made.find((span) => span.name === 'project batch');
    expect(batch?.parentSpanContext).toBeUndefined();
    expect(batch?.attributes).toMatchObject({
      'messaging.consumer.group.name': 'model',
      'messaging.batch.message_count': 3,
      'anime.position': 3,
    });
    expect(inside?.slice(36, 52)).toBe(idOf(batch));
    const events = made.filter((span) => span.name === 'project job.cancel-requested');
    expect(events.map((span) => span.parentSpanContext?.spanId)).toEqual([idOf(published[0]), idOf(published[2])]);
    for (const span of events) {
      expect(span.spanContext().traceId).toBe(TRACE);
      expect(span.links.map((link) => link.context.spanId)).toEqual([idOf(batch)]);
    }
    expect(made).toHaveLength(3);
  });

  it('are one for a batch of a process, which says itself what it decides', async () => {
    const { made } = await read('process', '01');
    expect(made.map((span) => span.name)).toEqual(['process batch']);
  });

  it('are none when nobody traces the events', async () => {
    const { made, inside } = await read('projection', '00');
    expect(made).toEqual([]);
    expect(inside).toBeUndefined();
  });

  it('tell of a batch that failed, without its words; what is logged of it carries the trace', async () => {
    const { made, logged } = await read('projection', '01', 1);
    const [failed, written] = made.filter((span) => span.name === 'project batch');
    expect(failed?.attributes['error.type']).toBe('Error');
    expect(written?.attributes).not.toHaveProperty('error.type');
    expect(logged.map((traceparent) => traceparent?.slice(36, 52))).toEqual([idOf(failed)]);
    const events = made.filter((span) => span.name === 'project job.cancel-requested');
    expect(events.map((span) => span.attributes['error.type'])).toEqual(['Error', 'Error', undefined, undefined]);
    expect(
      JSON.stringify(made.map(({ status, events: noted, attributes }) => [status, noted, attributes])),
    ).not.toContain('Jane');
  });
});
