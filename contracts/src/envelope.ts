import { z } from 'zod';
import { Instant, Uuid } from './values/primitives.js';

/** `ce-actor`: an opaque id of a person or key, or the service that acted by itself. Never a name or an address. */
export const Actor = z
  .string()
  .regex(/^(service:[a-z-]+|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/);

/** W3C trace context, version 00. */
export const Traceparent = z.string().regex(/^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);

/**
 * CloudEvents 1.0 in binary content mode over NATS headers, plus our extensions.
 * `subject` is `<aggregate>/<id>`; `source` is `/anime/<service>`; `epoch` only on decisions of the orchestrator.
 */
export const Envelope = z.strictObject({
  id: Uuid,
  type: z.string().regex(/^[a-z-]+\.[a-z-]+\.v\d+$/),
  source: z.string().regex(/^\/anime\/[a-z-]+$/),
  subject: z.string().regex(/^[a-z-]+\/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/),
  time: Instant,
  dataschema: z.string().min(1),
  correlationid: Uuid,
  causationid: Uuid.optional(),
  actor: Actor,
  epoch: z.int().min(1).optional(),
  traceparent: Traceparent.optional(),
});
export type Envelope = z.infer<typeof Envelope>;

/** NATS header of each envelope field. `Nats-Msg-Id` repeats `ce-id`. */
export const ENVELOPE_HEADERS = {
  id: 'ce-id',
  type: 'ce-type',
  source: 'ce-source',
  subject: 'ce-subject',
  time: 'ce-time',
  dataschema: 'ce-dataschema',
  correlationid: 'ce-correlationid',
  causationid: 'ce-causationid',
  actor: 'ce-actor',
  epoch: 'ce-epoch',
  traceparent: 'traceparent',
} as const satisfies Record<keyof Envelope, string>;

/** `ce-specversion` of every event. */
export const SPEC_VERSION = '1.0';

/** The URI of a contract's schema, for `ce-dataschema`. */
export function dataSchemaUri(contractName: string): string {
  return `urn:anime:schema:${contractName}`;
}
