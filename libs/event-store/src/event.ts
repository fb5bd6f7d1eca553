import type { Aggregate, EventContract, EventData, ServiceName } from '@anime/contracts';

/** What an event carries beside its data (architecture §2, "Envelope"). */
export interface EventMeta {
  /** `ce-id`: UUIDv7 for new facts, UUIDv5 of the cause for derived ones, so that a repeat has the same id. */
  readonly id: string;
  /** `ce-time`: the only time that domain and projections may use. */
  readonly time: string;
  /** Id of the command or event that began it all. */
  readonly correlationId: string;
  /** Id of the event that directly led to this one. */
  readonly causationId?: string | undefined;
  readonly actor: string;
  /** Term of the orchestrator that decided it. */
  readonly epoch?: number | undefined;
  readonly traceparent?: string | undefined;
}

/** An event about to be appended. */
export interface NewEvent<C extends EventContract = EventContract> extends EventMeta {
  readonly contract: C;
  readonly aggregateId: string;
  readonly data: EventData<C>;
}

/** An event read from the log, valid, in the newest version that the reader knows. */
export interface RecordedEvent<Type extends string = string, Data = unknown> extends EventMeta {
  /** Without version: what `evolve` and projections switch on. */
  readonly type: Type;
  /** `ce-type` as stored, before upcasting. */
  readonly storedName: string;
  readonly aggregate: Aggregate;
  readonly aggregateId: string;
  readonly producer: ServiceName;
  /** Place in the log. */
  readonly position: number;
  readonly data: Data;
}

/** The recorded form of a contract's events; a union of contracts gives a discriminated union of events. */
export type EventOf<C extends EventContract> =
  C extends EventContract<infer Type, infer _Data> ? RecordedEvent<Type, EventData<C>> : never;

/**
 * Narrows a recorded event to one contract's type.
 * @returns true when `event` is of the contract's type (its data is then in the newest known version)
 */
export function isEvent<C extends EventContract>(
  event: RecordedEvent,
  contract: C,
): event is EventOf<C> & RecordedEvent {
  return event.type === contract.type;
}
