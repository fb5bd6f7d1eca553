import type { DeadLetterState } from '@anime/contracts';
import { DEFAULT_PAGE_SIZE } from '@anime/contracts/http';
import { storable, type Database, type WaitOptions } from '@anime/projections';
import { deadLettersProjection } from '../../projections/dead-letters/dead-letters.projection.js';
import type { DeadLetterRow, VoidRow } from '../../projections/dead-letters/rows.js';
import { DEAD_LETTERS, VOIDS } from '../../projections/dead-letters/tables.js';
import { decodeCursor, encodeCursor, PositionCursor } from './cursor.js';

interface Page {
  /** 1..200, default 50. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined;
}

/** Which dead letters a list shows; all conditions hold together. */
export interface DeadLetterFilter extends Page {
  readonly state?: readonly DeadLetterState[] | undefined;
  readonly consumer?: string | undefined;
  readonly aggregateId?: string | undefined;
}

export interface VoidFilter extends Page {
  readonly kind?: VoidRow['kind'] | undefined;
}

/** Newest first. */
export interface Listed<Row> {
  readonly items: readonly Row[];
  readonly nextCursor: string | null;
}

/** What somebody still has to look at. */
export interface Unsettled {
  readonly voids: { readonly void: number; readonly fenced: number; readonly recent: readonly VoidRow[] };
  /** Neither settled nor discarded. */
  readonly deadLetters: { readonly count: number; readonly recent: readonly DeadLetterRow[] };
}

const WANTING: readonly DeadLetterState[] = ['open', 'replayed'];

/**
 * What the gateway reads of dead letters and of messages without effect: plain SQL over the tables of the `dead-letters`
 * read-model. Every method throws 'read-model-unavailable' while PostgreSQL is away.
 */
export class DeadLettersReadModel {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** A page of dead letters, by the place of their first parking. @throws ProblemError 'bad-cursor' */
  list({ state, consumer, aggregateId, ...page }: DeadLetterFilter = {}): Promise<Listed<DeadLetterRow>> {
    return this.#page(DEAD_LETTERS.name, page, [
      ['state = any($::text[])', state],
      ['consumer = $', consumer === undefined ? undefined : storable(consumer)],
      ['aggregate_id = $::uuid', aggregateId],
    ]);
  }

  /** A page of messages without effect. @throws ProblemError 'bad-cursor' */
  voids({ kind, ...page }: VoidFilter = {}): Promise<Listed<VoidRow>> {
    return this.#page(VOIDS.name, page, [['kind = $', kind]]);
  }

  /**
   * All in one statement: the counts are those of what is named.
   * @param limit how many of each kind are named
   */
  async unsettled(limit: number): Promise<Unsettled> {
    const [voids, letters] = [this.#database.table(VOIDS.name), this.#database.table(DEAD_LETTERS.name)];
    const newest = (table: string, where: string): string =>
      `(select coalesce(json_agg(to_json(t) order by t.position desc), '[]') from
        (select * from ${table} t where ${where} order by t.position desc limit $1) t)`;
    const wanting = 't.state = any($2::text[])';
    const [row] = await this.#database.query<{
      readonly voids: readonly VoidRow[];
      readonly void: string;
      readonly fenced: string;
      readonly letters: readonly DeadLetterRow[];
      readonly wanting: string;
    }>(
      `select ${newest(voids, 'true')} as voids,
        (select count(*) from ${voids} t where t.kind = 'void') as void,
        (select count(*) from ${voids} t where t.kind = 'fenced') as fenced,
        ${newest(letters, wanting)} as letters,
        (select count(*) from ${letters} t where ${wanting}) as wanting`,
      [limit, WANTING],
    );
    return {
      voids: { void: Number(row?.void ?? 0), fenced: Number(row?.fenced ?? 0), recent: row?.voids ?? [] },
      deadLetters: { count: Number(row?.wanting ?? 0), recent: row?.letters ?? [] },
    };
  }

  /** How far the read-model has read; 0 = nothing yet. */
  position(): Promise<number> {
    return this.#database.positionOf(deadLettersProjection.name);
  }

  /** Waits until the read-model has read up to `position`. @throws ProblemError 'position-not-reached' after `timeoutMs` */
  waitFor(position: number, options: WaitOptions): Promise<void> {
    return this.#database.waitForPosition(deadLettersProjection.name, position, options);
  }

  /** @param conditions SQL about the table, `$` for its value; without a value it does not count */
  async #page<Row extends { readonly position: number }>(
    table: string,
    { limit = DEFAULT_PAGE_SIZE, cursor }: Page,
    conditions: readonly (readonly [string, unknown])[],
  ): Promise<Listed<Row>> {
    const before = cursor === undefined ? undefined : decodeCursor(PositionCursor, cursor).position;
    const parameters: unknown[] = [];
    const where = [...conditions, ['position < $', before] as const]
      .filter(([, value]) => value !== undefined)
      .map(([condition, value]) => `t.${condition.replace('$', `$${parameters.push(value)}`)}`);
    const rows = await this.#database.query<{ readonly row: Row }>(
      `select to_json(t) as row from ${this.#database.table(table)} t
        where ${['true', ...where].join(' and ')} order by t.position desc limit ${limit + 1}`,
      parameters,
    );
    const items = rows.slice(0, limit).map(({ row }) => row);
    const last = items.at(-1);
    const more = rows.length > limit && last !== undefined;
    return { items, nextCursor: more ? encodeCursor(PositionCursor, { position: last.position }) : null };
  }
}
