import type { NewEvent, RecordedEvent } from './event.js';

/** A new event as a reader with the same contracts gets it back from this position. */
export function recordedFrom(event: NewEvent, position: number): RecordedEvent {
  const { contract } = event;
  return {
    id: event.id,
    type: contract.type,
    storedName: contract.name,
    aggregate: contract.aggregate,
    aggregateId: event.aggregateId,
    producer: contract.producer,
    position,
    time: event.time,
    correlationId: event.correlationId,
    ...(event.causationId === undefined ? {} : { causationId: event.causationId }),
    actor: event.actor,
    ...(event.epoch === undefined ? {} : { epoch: event.epoch }),
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
    data: contract.data.parse(event.data),
  };
}
