import { setTimeout as delay } from 'node:timers/promises';
import { codeOf, LOCK_NOT_AVAILABLE } from './connection-error.js';
import type { Session } from './session.js';
import { qualified, quote, type StoredTable } from './sql.js';

/** Below PostgreSQL's deadlock_timeout (1 s), so that a reader in the way is never the one that is ended. */
const LOCK_TIMEOUT = '500ms';
const LOCK_ATTEMPTS = 60;
const LOCK_PAUSE_MS = 200;
const DEADLOCK = '40P01';

/** Makes schema `copy` anew with empty tables that are, down to the names of their indexes, those of `schema`. */
export async function createCopies(
  session: Session,
  schema: string,
  copy: string,
  tables: readonly Pick<StoredTable, 'name'>[],
): Promise<void> {
  await session.transaction(async () => {
    await dropSchema(session, copy);
    await session.query(`create schema ${quote(copy)}`);
    for (const { name } of tables) await createCopy(session, schema, copy, name);
  });
}

/** Takes a schema away with all that is in it. */
export async function dropSchema(session: Session, schema: string): Promise<void> {
  await session.query(`drop schema if exists ${quote(schema)} cascade`);
}

/**
 * Puts the tables of schema `copy` in the place of those of `schema`, within the caller's transaction: readers see the
 * one or the other, never a mixture. Waits for readers, without keeping new ones waiting for long.
 */
export async function switchTables(
  session: Session,
  schema: string,
  copy: string,
  tables: readonly StoredTable[],
): Promise<void> {
  const old = `${copy}_old`;
  await lockTables(
    session,
    tables.map(({ name }) => qualified(schema, name)),
  );
  await dropSchema(session, old);
  await session.query(`create schema ${quote(old)}`);
  for (const { name } of tables) {
    await session.query(`alter table ${qualified(schema, name)} set schema ${quote(old)}`);
    await session.query(`alter table ${qualified(copy, name)} set schema ${quote(schema)}`);
  }
  await dropSchema(session, old);
  await dropSchema(session, copy);
}

async function createCopy(session: Session, schema: string, copy: string, name: string): Promise<void> {
  const source = qualified(schema, name);
  const target = qualified(copy, name);
  // INCLUDING INDEXES would give the indexes new names, which the next migration would not find.
  await session.query(`create table ${target} (like ${source} including all excluding indexes)`);
  const constraints = await session.query<{ readonly name: string; readonly definition: string }>(
    `select conname as name, pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = $1::regclass and contype in ('p', 'u') order by conname`,
    [source],
  );
  for (const constraint of constraints) {
    await session.query(`alter table ${target} add constraint ${quote(constraint.name)} ${constraint.definition}`);
  }
  const indexes = await session.query<{ readonly definition: string }>(
    `select replace(pg_get_indexdef(i.indexrelid), ' ON ' || $1::regclass::text || ' ', ' ON ' || $2 || ' ') as definition
      from pg_index i where i.indrelid = $1::regclass and not exists (select from pg_constraint c where c.conindid = i.indexrelid)
      order by i.indexrelid::regclass::text`,
    [source, target],
  );
  for (const { definition } of indexes) await session.query(definition);
}

async function lockTables(session: Session, names: readonly string[]): Promise<void> {
  await session.query(`set local lock_timeout = '${LOCK_TIMEOUT}'`);
  for (let attempt = 1; ; attempt += 1) {
    await session.query('savepoint before_lock');
    try {
      await session.query(`lock table ${names.join(', ')} in access exclusive mode`);
      return;
    } catch (error) {
      const code = codeOf(error);
      if ((code !== LOCK_NOT_AVAILABLE && code !== DEADLOCK) || attempt === LOCK_ATTEMPTS) throw error;
      await session.query('rollback to savepoint before_lock');
      await delay(LOCK_PAUSE_MS);
    }
  }
}
