import { createHash } from 'node:crypto';
import { asProblem, isReadTimeout } from './connection-error.js';

export type Row = Readonly<Record<string, unknown>>;

/** How long a statement may take: hashing or indexing a large read-model takes longest. */
const STATEMENT_TIMEOUT_MS = 600_000;

/** A statement as `pg` takes it; typed here because @types/pg leaves out the time limit of a single one. */
export interface TimedQuery {
  /** Prepared under this name at its first run. */
  readonly name?: string;
  readonly text: string;
  values: unknown[];
  readonly query_timeout: number;
}

/** One statement with `$1…` parameters that fails after `timeoutMs`. */
export function timedQuery(text: string, parameters: readonly unknown[], timeoutMs: number): TimedQuery {
  return { text, values: [...parameters], query_timeout: timeoutMs };
}

/** What a session needs of a pooled connection of `pg`. */
export interface PooledClient {
  query(query: TimedQuery): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>;
  /** Told when the connection ends unasked. */
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  release(destroy: boolean): void;
}

/**
 * One connection for one user: transactions, session locks and temporary settings belong to it. After a loss every
 * statement fails with `read-model-unavailable`; its locks are gone then.
 */
export class Session {
  /** Aborts when the connection has ended unasked or a statement got no answer in time. */
  readonly lost: AbortSignal;
  readonly #client: PooledClient;
  readonly #released: () => void;
  readonly #losing = new AbortController();
  readonly #lose = (error: unknown): void => this.#losing.abort(asProblem(error));
  #open = true;
  #timeoutMs = STATEMENT_TIMEOUT_MS;
  #prepares = false;
  #heartbeat: NodeJS.Timeout | undefined;
  /** The heartbeat under way, if any: `pg` takes one statement at a time. */
  #beating: Promise<unknown> | undefined;
  #busy = false;

  constructor(client: PooledClient, released: () => void) {
    this.#client = client;
    this.#released = released;
    this.lost = this.#losing.signal;
    client.on('error', this.#lose);
  }

  /**
   * Bounds how long a loss can go unnoticed, by a hang or by a network that drops everything: the server ends a
   * connection that is silent for `silenceMs`, and gives up its locks; this side says a word in time, and takes a server
   * that does not answer for lost. A wait for a lock ends with LOCK_NOT_AVAILABLE after a third of it. Never reuse the connection.
   */
  async guard(silenceMs: number): Promise<void> {
    const beatMs = Math.ceil(silenceMs / 3);
    const settings = {
      idle_session_timeout: silenceMs,
      idle_in_transaction_session_timeout: silenceMs,
      statement_timeout: silenceMs,
      // For an answer that is not taken: the timeouts above do not run while the server sends.
      tcp_user_timeout: silenceMs,
      lock_timeout: beatMs,
    };
    await this.query('select set_config(key, value, false) from jsonb_each_text($1)', [JSON.stringify(settings)]);
    // The server is the first to give up a statement, which keeps the connection.
    this.#timeoutMs = silenceMs + beatMs;
    this.#heartbeat = setInterval(() => {
      // A statement under way is a sign of life, too.
      if (!this.#busy) this.#beating = this.query('select 1').catch(() => undefined);
    }, beatMs);
  }

  /**
   * Makes the connection one that fills a read-model: by few statements again and again, each about rows by their keys.
   * They are prepared once, as parsing and planning takes longer than running them; the plan goes by the index, because it
   * may be made while a table is small and used when it is large. No commit waits for the disk: a crash of the server
   * loses rows and checkpoint together and ends the session, and what was lost is read again from the log.
   */
  async fillReadModel(): Promise<void> {
    const settings = {
      synchronous_commit: 'off',
      plan_cache_mode: 'force_generic_plan',
      enable_seqscan: 'off',
      enable_hashjoin: 'off',
      enable_mergejoin: 'off',
    };
    await this.query('select set_config(key, value, false) from jsonb_each_text($1)', [JSON.stringify(settings)]);
    this.#prepares = true;
  }

  /** Lets a statement take twice as long as before; for one that ended with QUERY_CANCELED and is tried again. */
  async bePatient(): Promise<void> {
    const timeoutMs = Math.min(2 * this.#timeoutMs, STATEMENT_TIMEOUT_MS);
    // As before, the server is the first to give up.
    await this.query('select set_config($1, $2, false)', ['statement_timeout', String(Math.floor(0.75 * timeoutMs))]);
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Runs one statement with `$1…` parameters.
   * @throws ProblemError 'read-model-unavailable' when the connection is lost
   */
  async query<Result extends object = Row>(sql: string, parameters: readonly unknown[] = []): Promise<Result[]> {
    return (await this.run<Result>(sql, parameters)).rows;
  }

  /** Runs one statement; `count` = rows touched. */
  async run<Result extends object = Row>(
    sql: string,
    parameters: readonly unknown[] = [],
  ): Promise<{ readonly rows: Result[]; readonly count: number }> {
    await this.#beating;
    this.lost.throwIfAborted();
    this.#busy = true;
    try {
      const query = timedQuery(sql, parameters, this.#timeoutMs);
      const prepared = this.#prepares && parameters.length > 0;
      const result = await this.#client.query(prepared ? { ...query, name: nameOf(sql) } : query);
      // The caller names the columns that its statement selects.
      return { rows: result.rows as Result[], count: result.rowCount ?? 0 };
    } catch (error) {
      // The answer may still come: then it would be taken for that of the next statement's transaction.
      if (isReadTimeout(error)) this.#lose(error);
      throw asProblem(error);
    } finally {
      this.#busy = false;
    }
  }

  /** Runs `work` in a transaction; whatever it throws is thrown on after the rollback. */
  async transaction<Result>(work: () => Promise<Result>, begin = 'begin'): Promise<Result> {
    await this.query(begin);
    try {
      const result = await work();
      await this.query('commit');
      return result;
    } catch (error) {
      // A rollback that fails means that the connection is lost: the server has rolled back then.
      await this.query('rollback').catch(() => undefined);
      throw error;
    }
  }

  /** Gives up every session lock, then the connection: at once for others, where closing alone takes the server a moment. */
  async end(): Promise<void> {
    // On a lost connection this fails at once, and the server has given up the locks itself.
    await this.query('select pg_advisory_unlock_all()').catch(() => undefined);
    this.release();
  }

  /**
   * Gives the connection back. By default it is closed instead of reused, so that no lock or setting can outlive its user.
   */
  release(options: { readonly reuse?: boolean } = {}): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#heartbeat);
    this.#client.off('error', this.#lose);
    this.#client.release(options.reuse !== true);
    this.#released();
  }
}

/** The same for the same text, as another user of the connection may have prepared it; PostgreSQL takes 63 bytes. */
function nameOf(sql: string): string {
  return createHash('sha256').update(sql).digest('base64url');
}
