import type { TableShape } from './definition.js';
import type { Session } from './session.js';
import { currentTable, tableStatements, versionsTable, type TableStatements } from './sql.js';
import type { TableChanges } from './working-set.js';

type Values = Readonly<Record<string, unknown>>;

/** Characters of JSON per statement, about: far below PostgreSQL's limit (1 GB) even when every row is near 256 KiB. */
const STATEMENT_LENGTH = 8_000_000;

/** Reads and writes the rows of one table in one schema, many at a time, as JSON. */
export class TableWriter {
  readonly #current: TableStatements;
  readonly #versions: TableStatements | undefined;

  constructor(schema: string, table: TableShape) {
    this.#current = tableStatements(schema, currentTable(table));
    this.#versions = table.versioned === true ? tableStatements(schema, versionsTable(table)) : undefined;
  }

  /** The rows that exist of these keys. */
  async load(session: Session, keys: readonly Values[]): Promise<readonly Values[]> {
    const rows = await session.query<{ readonly row: Values }>(this.#current.load, [JSON.stringify(keys)]);
    return rows.map(({ row }) => row);
  }

  /** Writes what a batch did to the table. */
  async write(session: Session, changes: TableChanges): Promise<void> {
    await each(session, this.#current.remove, changes.removes);
    await each(session, this.#current.upsert, changes.puts);
    if (this.#versions === undefined) return;
    await each(session, this.#versions.close, changes.closed);
    await each(
      session,
      this.#versions.upsert,
      changes.versions.map(({ values, from, to }) => ({ ...values, from_position: from, to_position: to })),
    );
  }
}

async function each(session: Session, sql: string, rows: readonly Values[]): Promise<void> {
  let parts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const part = JSON.stringify(row);
    if (length > 0 && length + part.length > STATEMENT_LENGTH) {
      await session.query(sql, [`[${parts.join(',')}]`]);
      parts = [];
      length = 0;
    }
    parts.push(part);
    length += part.length;
  }
  if (parts.length > 0) await session.query(sql, [`[${parts.join(',')}]`]);
}
