import { asProblem } from './connection-error.js';

export type Row = Readonly<Record<string, unknown>>;

/** What a session needs of a pooled connection of `pg`. */
export interface PooledClient {
  query(sql: string, parameters: unknown[]): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>;
  release(destroy: boolean): void;
}

/**
 * One connection for one user: transactions, session locks and temporary settings belong to it. A lost connection shows
 * at the next statement as `read-model-unavailable`; its locks are gone then.
 */
export class Session {
  readonly #client: PooledClient;
  readonly #released: () => void;
  #open = true;

  constructor(client: PooledClient, released: () => void) {
    this.#client = client;
    this.#released = released;
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
    try {
      const result = await this.#client.query(sql, [...parameters]);
      // The caller names the columns that its statement selects.
      return { rows: result.rows as Result[], count: result.rowCount ?? 0 };
    } catch (error) {
      throw asProblem(error);
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
    this.#client.release(options.reuse !== true);
    this.#released();
  }
}
