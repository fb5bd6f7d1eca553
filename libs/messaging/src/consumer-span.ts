import { failSpan, inSpan, startSpan, traceContextOf, type Batch, type RecordedEvent } from '@anime/event-store';
import { SPANS } from '@anime/contracts/telemetry';
import { ROOT_CONTEXT, TraceFlags, type Link, type Span } from '@opentelemetry/api';
import type { ProcessRow, ProjectionRow } from './consumer-table.js';

/** The durable or row that reads, and what it reads. */
interface Reading {
  readonly consumer: string;
  readonly stream: string;
}

/**
 * Runs one try of a reactor, or its giving up, inside a CONSUMER span whose parent is the span that the event was appended
 * in (attributes as OpenTelemetry's messaging conventions name them). No payload goes into the span.
 */
export function inConsumerSpan<T>(
  operation: 'process' | 'park',
  reading: Reading,
  event: RecordedEvent,
  deliveries: number,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  return inSpan(
    SPANS[operation],
    {
      name: { event: event.type },
      parent: traceContextOf(event),
      attributes: { ...attributesOf(operation, reading), ...eventAttributes(event), 'anime.deliveries': deliveries },
    },
    run,
  );
}

/**
 * Runs a reader's batch. When somebody traces one of its events, it has a span: a trace of its own, as it belongs to many. Each
 * traced event of a projection also has one, a child of its append, with a link to that of the batch. Nothing is made
 * for others: a log is mostly read without anybody looking.
 */
export async function inBatchSpan(
  row: ProjectionRow | ProcessRow,
  stream: string,
  batch: Batch,
  types: ReadonlySet<string>,
  run: () => Promise<void>,
): Promise<void> {
  const traced: RecordedEvent[] = [];
  for (const entry of batch.entries) {
    if (entry.status === 'event' && types.has(entry.event.type) && isTraced(entry.event)) traced.push(entry.event);
  }
  if (traced.length === 0) return run();
  const operation = row.kind === 'projection' ? 'project' : 'process';
  const reading = { consumer: row.name, stream };
  const attributes = {
    ...attributesOf(operation, reading),
    'messaging.batch.message_count': batch.entries.length,
    'anime.position': batch.checkpoint.position,
  };
  const definition = row.kind === 'projection' ? SPANS.projectBatch : SPANS.processBatch;
  await inSpan(definition, { parent: ROOT_CONTEXT, attributes }, async (span) => {
    const events = row.kind === 'projection' ? traced.map((event) => projectSpan(reading, event, span)) : [];
    try {
      await run();
    } catch (error) {
      for (const each of events) failSpan(each, error);
      throw error;
    } finally {
      for (const each of events) each.end();
    }
  });
}

function projectSpan(reading: Reading, event: RecordedEvent, batch: Span): Span {
  const links: Link[] = [{ context: batch.spanContext() }];
  return startSpan(SPANS.project, {
    name: { event: event.type },
    parent: traceContextOf(event),
    links,
    attributes: { ...attributesOf('project', reading), ...eventAttributes(event) },
  });
}

/** Whether the spans of its trace are kept. */
function isTraced(event: RecordedEvent): boolean {
  return (
    event.traceparent !== undefined && (Number.parseInt(event.traceparent.slice(-2), 16) & TraceFlags.SAMPLED) !== 0
  );
}

function attributesOf(operation: 'process' | 'park' | 'project', { consumer, stream }: Reading) {
  return {
    'messaging.system': 'nats',
    'messaging.operation.name': operation,
    'messaging.operation.type': operation === 'park' ? 'settle' : 'process',
    'messaging.destination.name': stream,
    'messaging.consumer.group.name': consumer,
  };
}

function eventAttributes(event: RecordedEvent) {
  return {
    'messaging.message.id': event.id,
    'anime.event.type': event.storedName,
    'anime.aggregate.id': event.aggregateId,
    'anime.position': event.position,
  };
}
