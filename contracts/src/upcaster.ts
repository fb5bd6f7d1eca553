import type { EventContract, EventData } from './event-contract.js';

/** Turns the data of one version into the data of the next; pure, one step. */
export interface Upcaster {
  readonly from: EventContract;
  readonly to: EventContract;
  readonly upcast: (data: unknown) => unknown;
}

/** Declares the step from one version of a type to the next. */
export function defineUpcaster<From extends EventContract, To extends EventContract>(
  from: From,
  to: To,
  upcast: (data: EventData<From>) => EventData<To>,
): Upcaster {
  if (from.type !== to.type || to.version !== from.version + 1) {
    throw new Error(`an upcaster goes one version up within a type, not from ${from.name} to ${to.name}`);
  }
  return { from, to, upcast: (data) => upcast(data as EventData<From>) };
}
