import { type EventContract } from '@anime/contracts';
import { SPANS } from '@anime/contracts/telemetry';
import { context, trace } from '@opentelemetry/api';
import type { Appended } from './event-log.js';
import type { NewEvent } from './event.js';
import { inSpan } from './spans.js';
import { currentTraceparent, traceContextOf } from './trace-context.js';

/**
 * Stores an event inside its PRODUCER span, and gives it that span's `traceparent`, so that whoever acts on the event goes
 * on from there. The span's parent is the active one, else what the event says, else it begins a trace.
 */
export function inPublishSpan(
  event: NewEvent,
  stream: string,
  root: string,
  append: (event: NewEvent) => Promise<Appended>,
): Promise<Appended> {
  const { contract } = event;
  const active = context.active();
  return inSpan(
    SPANS.publish,
    {
      name: { event: contract.type },
      parent: trace.getSpanContext(active) === undefined ? traceContextOf(event, active) : active,
      attributes: {
        'messaging.system': 'nats',
        'messaging.operation.name': 'publish',
        'messaging.operation.type': 'send',
        'messaging.destination.name': stream,
        'messaging.destination.template': subjectTemplate(root, contract),
        'messaging.message.id': event.id,
        'anime.event.type': contract.name,
        'anime.aggregate.id': event.aggregateId,
      },
    },
    async (span) => {
      const appended = await append({ ...event, traceparent: currentTraceparent() ?? event.traceparent });
      span.setAttributes({ 'anime.position': appended.position, 'anime.duplicate': appended.duplicate });
      return appended;
    },
  );
}

const SUFFIXES = { plain: '', accepted: '.accepted', executor: '.{executorId}' } as const;

/** The form of the subject, whatever the aggregate's id. */
function subjectTemplate(root: string, { aggregate, producer, subjectForm }: EventContract): string {
  return `${root}.${aggregate}.{id}.${producer}${SUFFIXES[subjectForm]}`;
}
