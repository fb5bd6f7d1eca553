import type { ColumnKind, ColumnType, TableShape } from './definition.js';

/** PostgreSQL type of each kind of column. */
export const SQL_TYPES: Readonly<Record<ColumnKind, string>> = {
  text: 'text',
  uuid: 'uuid',
  instant: 'text',
  integer: 'bigint',
  double: 'double precision',
  boolean: 'boolean',
  json: 'jsonb',
};

/** The kind of a column and whether it may be null. */
export function columnKind(type: ColumnType): { readonly kind: ColumnKind; readonly nullable: boolean } {
  return type.endsWith('?')
    ? { kind: type.slice(0, -1) as ColumnKind, nullable: true }
    : { kind: type as ColumnKind, nullable: false };
}

/** A name as an SQL identifier. */
export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Schema and name as one SQL identifier. */
export function qualified(schema: string, name: string): string {
  return `${quote(schema)}.${quote(name)}`;
}

/** Name of the table that holds the row versions. */
export function versionsName(table: TableShape): string {
  return `${table.name}_versions`;
}

/** Every table of the database that belongs to these, versions included. */
export function storedTables(tables: readonly TableShape[]): readonly StoredTable[] {
  return tables.flatMap((table) =>
    table.versioned === true ? [currentTable(table), versionsTable(table)] : [currentTable(table)],
  );
}

/** A table as the database has it, with the columns that the library adds. */
export interface StoredTable {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnType>>;
}

export function currentTable(table: TableShape): StoredTable {
  return {
    name: table.name,
    key: table.key,
    columns: table.versioned === true ? { ...table.columns, position: 'integer' } : table.columns,
  };
}

export function versionsTable(table: TableShape): StoredTable {
  return {
    name: versionsName(table),
    key: [...table.key, 'from_position'],
    columns: { ...table.columns, from_position: 'integer', to_position: 'integer?' },
  };
}

/** A statement about many rows: its parameters are arrays, one for each of these columns in this order, one item for each row. */
export interface RowsStatement {
  readonly sql: string;
  readonly columns: readonly RowsColumn[];
}

export interface RowsColumn {
  readonly name: string;
  /** Whether its values are given as JSON text. */
  readonly json: boolean;
}

/** The statements of one stored table. */
export interface TableStatements {
  /** Rows of these keys as `row` (json). */
  readonly load: RowsStatement;
  /** For rows known to be new: a fifth cheaper than an upsert, and loud when they are not. */
  readonly insert: RowsStatement;
  readonly upsert: RowsStatement;
  readonly remove: RowsStatement;
  /** Sets `to_position`; versions tables only. */
  readonly close: RowsStatement;
}

/** Builds the statements of a table in a schema. */
export function tableStatements(schema: string, table: StoredTable): TableStatements {
  const target = qualified(schema, table.name);
  const all = Object.keys(table.columns);
  const rest = all.filter((column) => !table.key.includes(column));
  const about = (columns: readonly string[], sql: (rows: string) => string): RowsStatement => ({
    sql: sql(rowsOf(table, columns)),
    columns: columns.map((name) => ({ name, json: sqlType(table, name) === SQL_TYPES.json })),
  });
  const sameKey = table.key.map((column) => `t.${quote(column)} = x.${quote(column)}`).join(' and ');
  const list = all.map(quote).join(', ');
  const onConflict =
    rest.length === 0
      ? 'do nothing'
      : `do update set ${rest.map((column) => `${quote(column)} = excluded.${quote(column)}`).join(', ')}`;
  const insert = (rows: string): string => `insert into ${target} (${list}) select ${list} from ${rows}`;
  return {
    load: about(table.key, (rows) => `select to_json(t) as row from ${rows} join ${target} t on ${sameKey}`),
    insert: about(all, insert),
    upsert: about(all, (rows) => `${insert(rows)} on conflict (${table.key.map(quote).join(', ')}) ${onConflict}`),
    remove: about(table.key, (rows) => `delete from ${target} t using ${rows} where ${sameKey}`),
    close: about(
      [...table.key, 'to_position'],
      (rows) => `update ${target} t set to_position = x.to_position from ${rows} where ${sameKey}`,
    ),
  };
}

/** Arrays, because of one JSON document PostgreSQL takes half as long again to make rows. */
function rowsOf(table: StoredTable, columns: readonly string[]): string {
  const arrays = columns.map((column, index) => `$${index + 1}::${sqlType(table, column)}[]`);
  return `unnest(${arrays.join(', ')}) as x(${columns.map(quote).join(', ')})`;
}

function sqlType(table: StoredTable, column: string): string {
  const type = table.columns[column];
  return type === undefined ? 'bigint' : SQL_TYPES[columnKind(type).kind];
}
