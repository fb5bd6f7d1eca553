import type { TableShape } from './definition.js';
import type { Session } from './session.js';
import { currentTable, tableStatements, versionsTable, type TableStatements } from './sql.js';
import type { TableChanges } from './working-set.js';

type Values = Readonly<Record<string, unknown>>;

/** One statement of `TableStatements` with its rows as JSON. */
export interface Statement {
  readonly sql: string;
  readonly rows: string;
}

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

  /** The statements that write what a batch did to the table, each made only when it is asked for. */
  *statements(changes: TableChanges): Iterable<Statement> {
    yield* inParts(this.#current.remove, changes.removes);
    yield* inParts(this.#current.insert, changes.inserts);
    yield* inParts(this.#current.upsert, changes.puts);
    if (this.#versions === undefined) return;
    yield* inParts(this.#versions.close, changes.closed);
    yield* inParts(
      this.#versions.insert,
      changes.versions.map(({ values, from, to }) => ({ ...values, from_position: from, to_position: to })),
    );
  }
}

/** Runs statements in order, making each while the one before runs. */
export async function runAll(session: Session, statements: Iterable<Statement>): Promise<void> {
  let running: Promise<unknown> | undefined;
  for (const { sql, rows } of statements) {
    await running;
    running = session.query(sql, [rows]);
  }
  await running;
}

function* inParts(sql: string, rows: readonly Values[]): Iterable<Statement> {
  let parts: string[] = [];
  let length = 0;
  for (const row of rows) {
    const part = JSON.stringify(row);
    if (length > 0 && length + part.length > STATEMENT_LENGTH) {
      yield { sql, rows: `[${parts.join(',')}]` };
      parts = [];
      length = 0;
    }
    parts.push(part);
    length += part.length;
  }
  if (parts.length > 0) yield { sql, rows: `[${parts.join(',')}]` };
}
