import type { EventContract } from '@anime/contracts';
import type { EventOf, RecordedEvent } from '@anime/event-store';
import type { ReactorRow } from './consumer-table.js';

/**
 * A reactor whose handler sees the events of its own contracts with their types, as a row that fits any table:
 * `defineReactor({ kind: 'reactor', events: [JobExecutedV2], handle: async (event) => … })`.
 * @throws Error when the row has an order and takes replays
 */
export function defineReactor<C extends EventContract>(row: ReactorRow<C>): ReactorRow {
  if (row.orderingKey !== undefined && row.replays !== undefined)
    throw new Error(`${row.name} has an order, which a replay would break`);
  const own = (event: RecordedEvent): EventOf<C> & RecordedEvent => {
    if (isOneOf(event, row.events)) return event;
    throw new Error(`${event.type} was handed to ${row.name}, which has no handler for it`);
  };
  const { isCurrent, ...rest } = row;
  return {
    ...rest,
    handle: async (event, context) => row.handle(own(event), context),
    ...(isCurrent === undefined ? {} : { isCurrent: async (event: RecordedEvent) => isCurrent(own(event)) }),
  };
}

function isOneOf<C extends EventContract>(
  event: RecordedEvent,
  contracts: readonly C[],
): event is EventOf<C> & RecordedEvent {
  return contracts.some((contract) => contract.type === event.type);
}
