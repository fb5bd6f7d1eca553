import type { RowChange, RowRef, Table } from '@anime/projections';

/** Names a row that an event may touch. */
export function ref<Row extends object, Key extends keyof Row & string>(
  table: Table<Row, Key>,
  key: Pick<Row, Key>,
): RowRef {
  return { table, key };
}

/** Sets all columns of a row. */
export function put<Row extends object, Key extends keyof Row & string>(table: Table<Row, Key>, row: Row): RowChange {
  return { table, put: row };
}
