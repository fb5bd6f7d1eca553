import type { TableShape } from './definition.js';
import type { Session } from './session.js';
import { currentTable, tableStatements, versionsTable, type RowsStatement, type TableStatements } from './sql.js';
import type { TableChanges } from './working-set.js';

type Values = Readonly<Record<string, unknown>>;

/** One statement of `TableStatements` with its parameters. */
export interface Statement {
  readonly sql: string;
  /** Arrays in PostgreSQL's text form. */
  readonly parameters: readonly string[];
}

/** Characters of text per statement, about: far below PostgreSQL's limit (1 GB) even when every row is near 256 KiB. */
const STATEMENT_LENGTH = 8_000_000;

/** Reads and writes the rows of one table in one schema, many at a time. */
export class TableWriter {
  readonly #current: TableStatements;
  readonly #versions: TableStatements | undefined;

  constructor(schema: string, table: TableShape) {
    this.#current = tableStatements(schema, currentTable(table));
    this.#versions = table.versioned === true ? tableStatements(schema, versionsTable(table)) : undefined;
  }

  /** The rows that exist of these keys. */
  async load(session: Session, keys: readonly Values[]): Promise<readonly Values[]> {
    const { load } = this.#current;
    const rows = await session.query<{ readonly row: Values }>(load.sql, new Rows(load, keys).parameters);
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
  for (const { sql, parameters } of statements) {
    await running;
    running = session.query(sql, parameters);
  }
  await running;
}

function* inParts(statement: RowsStatement, rows: readonly Values[]): Iterable<Statement> {
  const { sql } = statement;
  let part = new Rows(statement);
  for (const row of rows) {
    if (part.length >= STATEMENT_LENGTH) {
      yield { sql, parameters: part.parameters };
      part = new Rows(statement);
    }
    part.add(row);
  }
  if (part.count > 0) yield { sql, parameters: part.parameters };
}

/** Rows as the parameters of a statement. */
class Rows {
  count = 0;
  /** Characters of all items. */
  length = 0;
  readonly #columns: RowsStatement['columns'];
  readonly #items: string[][];

  constructor({ columns }: RowsStatement, rows: readonly Values[] = []) {
    this.#columns = columns;
    this.#items = columns.map(() => []);
    for (const row of rows) this.add(row);
  }

  get parameters(): string[] {
    return this.#items.map((items) => `{${items.join(',')}}`);
  }

  add(row: Values): void {
    this.count += 1;
    this.#columns.forEach(({ name, json }, index) => {
      const item = arrayItem(row[name] ?? null, json);
      this.length += item.length;
      this.#items[index]?.push(item);
    });
  }
}

/** One item of an array in text form (PostgreSQL's manual, 8.15.6); by us, as `pg` takes twice as long for it. */
function arrayItem(value: unknown, json: boolean): string {
  if (value === null) return 'NULL';
  // Of numbers and booleans PostgreSQL's text and JSON's are the same.
  const text = !json && typeof value === 'string' ? value : JSON.stringify(value);
  return `"${NEEDS_ESCAPE.test(text) ? text.replaceAll(ESCAPED, '\\$&') : text}"`;
}

const NEEDS_ESCAPE = /["\\]/;
const ESCAPED = /["\\]/g;
