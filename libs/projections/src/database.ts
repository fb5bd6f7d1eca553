import { Migrator, type Migration } from '@mikro-orm/migrations';
import { MikroORM, type EntitySchema } from '@mikro-orm/postgresql';
import { ProblemError } from '@anime/problem-details';
import { asProblem, reasonOf } from './connection-error.js';
import type { TableShape } from './definition.js';
import { entitiesOf } from './entities.js';
import { CHECKPOINTS } from './library-tables.js';
import { Positions } from './positions.js';
import { Session, timedQuery, type Row } from './session.js';
import { qualified, quote } from './sql.js';

/** One step of the schema's history; `name` is what the database remembers and must never change. */
export interface MigrationStep {
  readonly name: string;
  readonly class: new (...args: ConstructorParameters<typeof Migration>) => Migration;
}

export interface DatabaseOptions {
  /** `postgres://user:password@host:port/database`. */
  readonly url: string;
  /** The service's own schema, e.g. `gateway`; created when absent. */
  readonly schema: string;
  /** In order; each runs once per schema. */
  readonly migrations: readonly MigrationStep[];
  /** Tables of the read-models, library tables included; MikroORM's entities are derived from them. */
  readonly tables?: readonly TableShape[];
  /** Shows in `pg_stat_activity`. */
  readonly applicationName?: string;
  /** Connections at most, the runners' own included. Default 10. */
  readonly poolSize?: number;
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

const CONNECT_TIMEOUT_MS = 3_000;
const READ_TIMEOUT_MS = 10_000;
/** After so long without a word the server's machine is asked for a sign of life, also during a long statement. */
const KEEP_ALIVE_MS = 10_000;
/** How often another process's checkpoint is looked at while somebody waits for it. */
const POSITION_POLL_MS = 100;

/**
 * A service's schema in PostgreSQL. Nothing is connected before the first use; while the server is away every use fails
 * with `read-model-unavailable`, and the first one after its return runs what is missing of the migrations.
 */
export class Database {
  readonly schema: string;
  readonly positions = new Positions();
  /** Aborts when the database is closed. */
  readonly closed: AbortSignal;
  readonly #orm: MikroORM;
  readonly #closing = new AbortController();
  readonly #sessions = new Set<Session>();
  #migrated: Promise<void> | undefined;

  constructor(options: DatabaseOptions) {
    this.schema = options.schema;
    this.closed = this.#closing.signal;
    this.#orm = new MikroORM({
      clientUrl: options.url,
      schema: options.schema,
      entities: [...entitiesOf(options.tables ?? [CHECKPOINTS])] as EntitySchema[],
      extensions: [Migrator],
      migrations: {
        migrationsList: options.migrations.map((step) => ({ name: step.name, class: step.class })),
        schema: options.schema,
        tableName: 'schema_migrations',
        snapshot: false,
        // It would need a superuser; there are no foreign keys.
        disableForeignKeys: false,
      },
      pool: { min: 0, max: options.poolSize ?? 10, idleTimeoutMillis: 30_000 },
      driverOptions: {
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
        application_name: options.applicationName ?? `anime-${options.schema}`,
      },
      debug: false,
      logger: () => undefined,
    });
  }

  /** MikroORM itself, for migrations' tests and what plain SQL does not serve. */
  get orm(): MikroORM {
    return this.#orm;
  }

  /** A table of this schema as SQL identifier. */
  table(name: string): string {
    return qualified(this.schema, name);
  }

  /**
   * Connects if needed and brings the schema up to date; at once when that is done already.
   * @throws ProblemError 'read-model-unavailable' while PostgreSQL is away
   */
  ready(): Promise<void> {
    if (this.closed.aborted)
      return Promise.reject(new ProblemError('read-model-unavailable', 'the database was closed'));
    this.#migrated ??= this.#migrate().catch((error: unknown) => {
      this.#migrated = undefined;
      throw asProblem(error);
    });
    return this.#migrated;
  }

  /** For readiness: whether PostgreSQL answers now, and why not. */
  async check(): Promise<{ readonly ok: boolean; readonly reason: string | null }> {
    try {
      await this.query('select 1');
      return { ok: true, reason: null };
    } catch (error) {
      return { ok: false, reason: reasonOf(error) };
    }
  }

  /**
   * Reads with one statement on any connection; `$1…` parameters; 10 s at most.
   * @throws ProblemError 'read-model-unavailable'
   */
  async query<Result extends object = Row>(sql: string, parameters: readonly unknown[] = []): Promise<Result[]> {
    await this.ready();
    try {
      const pool = await this.#orm.driver.getConnection().getNativeClient();
      return (await pool.query<Result>(timedQuery(sql, parameters, READ_TIMEOUT_MS))).rows;
    } catch (error) {
      throw asProblem(error);
    }
  }

  /** A connection of its own; release it. Open sessions are closed with the database. */
  async session(): Promise<Session> {
    await this.ready();
    return this.#connect();
  }

  /** Runs `work` in one transaction on one connection. */
  async transaction<Result>(work: (session: Session) => Promise<Result>, begin = 'begin'): Promise<Result> {
    const session = await this.session();
    let reuse = false;
    try {
      const result = await session.transaction(() => work(session), begin);
      reuse = true;
      return result;
    } finally {
      session.release({ reuse });
    }
  }

  /**
   * Waits until a projection has read up to `position`: told by the runner in this process, else by looking.
   * @throws ProblemError 'position-not-reached' after `timeoutMs`, 'read-model-unavailable' while PostgreSQL is away
   */
  async waitForPosition(projection: string, position: number, options: WaitOptions): Promise<void> {
    const deadline = performance.now() + options.timeoutMs;
    for (;;) {
      if (this.positions.reached(projection) >= position) return;
      const reached = await this.positionOf(projection);
      if (reached >= position) return;
      const left = deadline - performance.now();
      if (left <= 0 || options.signal?.aborted === true || this.closed.aborted) {
        throw new ProblemError('position-not-reached', `${projection} has read up to ${reached}, not yet ${position}`, {
          retryAfter: 1,
        });
      }
      await this.positions.next(projection, position, Math.min(left, POSITION_POLL_MS), options.signal);
    }
  }

  /** Position of a projection's checkpoint as stored; 0 before its first batch. */
  async positionOf(projection: string): Promise<number> {
    const rows = await this.query<{ readonly position: string }>(
      `select "position" from ${this.table(CHECKPOINTS.name)} where "projection" = $1`,
      [projection],
    );
    return Number(rows[0]?.position ?? 0);
  }

  /** Ends every session and connection. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const session of this.#sessions) session.release();
    await this.#orm.close(true);
  }

  async #connect(): Promise<Session> {
    try {
      const pool = await this.#orm.driver.getConnection().getNativeClient();
      const client = await pool.connect();
      const session: Session = new Session(client, () => this.#sessions.delete(session));
      this.#sessions.add(session);
      return session;
    } catch (error) {
      throw asProblem(error);
    }
  }

  /** Several processes may start at once: one migrates, the others wait for its lock and find nothing left to do. */
  async #migrate(): Promise<void> {
    await this.#orm.connect();
    const session = await this.#connect();
    try {
      await session.query('select pg_advisory_lock(hashtextextended($1, 0))', [`anime-migrations:${this.schema}`]);
      await session.query(`create schema if not exists ${quote(this.schema)}`);
      await this.#orm.migrator.up();
    } finally {
      await session.end();
    }
  }
}

/** Declares a service's schema; connects at the first use. */
export function createDatabase(options: DatabaseOptions): Database {
  return new Database(options);
}
