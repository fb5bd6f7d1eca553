import { createHash } from 'node:crypto';
import type { TableShape } from './definition.js';
import type { Session } from './session.js';
import { qualified, quote, storedTables, type StoredTable } from './sql.js';

const ROWS_PER_FETCH = 2_000;

/**
 * SHA-256 (hex) over all rows and all columns of these tables, versions included, so that two read-models are equal if
 * and only if their hashes are. Tables come in the order of their names, rows in the order of their keys (bytes), each as
 * its jsonb text, which has one form. The checkpoint is left out: it says how far was read, not what was found, and the
 * rows already hold every position that matters.
 */
export async function hashTables(session: Session, schema: string, tables: readonly TableShape[]): Promise<string> {
  return session.transaction(async () => {
    return hashStoredTables(session, schema, storedTables(tables));
  }, 'begin isolation level repeatable read read only');
}

/** The same within a transaction that the caller has begun. */
export async function hashStoredTables(
  session: Session,
  schema: string,
  tables: readonly StoredTable[],
): Promise<string> {
  const hash = createHash('sha256');
  const inOrder = [...tables].sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const table of inOrder) {
    hash.update(`${table.name}\n`);
    const order = table.key.map((column) => `t.${quote(column)}::text collate "C"`).join(', ');
    await session.query(
      `declare hash_rows no scroll cursor for select to_jsonb(t)::text as row from ${qualified(schema, table.name)} t order by ${order}`,
    );
    for (;;) {
      const rows = await session.query<{ readonly row: string }>(`fetch ${ROWS_PER_FETCH} from hash_rows`);
      for (const { row } of rows) hash.update(row).update('\n');
      if (rows.length < ROWS_PER_FETCH) break;
    }
    await session.query('close hash_rows');
  }
  return hash.digest('hex');
}
