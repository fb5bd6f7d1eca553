import {
  dataSchemaUri,
  ENVELOPE_HEADERS,
  Envelope,
  EVENT_DATA_LIMIT,
  eventSubject,
  SPEC_VERSION,
} from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { NewEvent } from '../event.js';
import { fieldErrors } from './field-errors.js';

/** A message ready to be published; `Nats-Msg-Id` is added by the publisher. */
export interface EncodedEvent {
  readonly subject: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly data: Uint8Array;
}

const FIELDS = Object.entries(ENVELOPE_HEADERS);
const encoder = new TextEncoder();

/**
 * Writes an event as CloudEvents 1.0 in binary mode: envelope in headers, data as JSON.
 * @throws ProblemError `event-invalid` (data or envelope break their contract), `event-too-large` (law 3)
 */
export function encodeEvent(event: NewEvent, root: string): EncodedEvent {
  const { contract } = event;
  const checked = contract.data.safeParse(event.data);
  if (!checked.success) {
    throw new ProblemError('event-invalid', `the data of ${contract.name} breaks its contract`, {
      errors: fieldErrors(checked.error),
    });
  }
  const headers = encodeEnvelope(event);
  const data = encoder.encode(JSON.stringify(checked.data));
  if (data.byteLength > EVENT_DATA_LIMIT) {
    const detail = `the data of ${contract.name} has ${data.byteLength} bytes, the log takes at most ${EVENT_DATA_LIMIT}`;
    throw new ProblemError('event-too-large', detail);
  }
  return { subject: eventSubject(root, contract, event.aggregateId, checked.data), headers, data };
}

function encodeEnvelope(event: NewEvent): ReadonlyMap<string, string> {
  const { contract } = event;
  const envelope = Envelope.safeParse({
    id: event.id,
    type: contract.name,
    source: `/anime/${contract.producer}`,
    subject: `${contract.aggregate}/${event.aggregateId}`,
    time: event.time,
    dataschema: dataSchemaUri(contract.name),
    correlationid: event.correlationId,
    causationid: event.causationId,
    actor: event.actor,
    epoch: event.epoch,
    traceparent: event.traceparent,
  });
  if (!envelope.success) {
    throw new ProblemError('event-invalid', `the envelope of ${contract.name} is not valid`, {
      errors: fieldErrors(envelope.error),
    });
  }
  const headers = new Map([
    ['ce-specversion', SPEC_VERSION],
    ['content-type', 'application/json'],
  ]);
  for (const [field, header] of FIELDS) {
    const value = envelope.data[field as keyof Envelope];
    if (value !== undefined) headers.set(header, String(value));
  }
  return headers;
}
