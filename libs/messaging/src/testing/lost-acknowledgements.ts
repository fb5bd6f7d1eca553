import type { ConsumerRow, ConsumerTable } from '../consumer-table.js';

/**
 * The reactors of a table as if the acknowledgements of one aggregate's event were lost: all of the work is done, and then the
 * message comes back. Past the currency check too, so that the derived ids alone must hold.
 * @param times how often an acknowledgement is lost
 * @returns the table, and the deliveries of that event so far, each by its number from 1
 */
export function losingAcknowledgements(
  table: ConsumerTable,
  aggregateId: string,
  times: number,
): { readonly table: ConsumerTable; readonly deliveries: readonly number[] } {
  const deliveries: number[] = [];
  const rows = table.map((row): ConsumerRow => {
    if (row.kind !== 'reactor') return row;
    const { isCurrent: _isCurrent, ...rest } = row;
    return {
      ...rest,
      handle: async (event, context) => {
        const outcome = await row.handle(event, context);
        if (event.aggregateId !== aggregateId) return outcome;
        deliveries.push(context.deliveries);
        return deliveries.length <= times ? { kind: 'retry', error: new Error('lost'), delayMs: 0 } : outcome;
      },
    };
  });
  return { table: rows, deliveries };
}
