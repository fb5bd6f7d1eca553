import { setTimeout as delay } from 'node:timers/promises';
import { ProblemError } from '@anime/problem-details';
import type { Batch, Checkpoint } from '@anime/event-store';
import type { Database } from './database.js';
import { START, type Projection } from './definition.js';
import { ProjectionStore } from './projection-store.js';
import type { Session } from './session.js';

/** How often a standby asks for the lock. */
const STANDBY_POLL_MS = 300;

/** How a runner waits for another one to end. */
export interface StandbyOptions {
  /** Ends the wait; what it throws is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called again and again during the wait, with the position that the other runner has reached. */
  readonly standby?: ((position: number) => void) | undefined;
}

/**
 * Keeps one read-model up to date. At most one runner per projection and schema writes, in whatever process: it writes
 * only over the connection that holds the projection's advisory lock, so losing one is losing the other.
 */
export class ProjectionRunner {
  readonly #store: ProjectionStore;
  readonly #database: Database;
  #session: Session | undefined;
  #checkpoint: Checkpoint = START;

  constructor(projection: Projection, database: Database) {
    this.#store = new ProjectionStore(projection, database.schema);
    this.#database = database;
  }

  /**
   * Takes the projection's lock, unless this runner still has it, and reads where to go on; waits as a standby while another
   * runner has the lock.
   * @throws ProblemError 'read-model-unavailable' while PostgreSQL is away; 'checkpoint-mismatch' when the tables were
   *   filled by another version of the projection and must be rebuilt
   */
  async open(waiting: StandbyOptions = {}): Promise<Checkpoint> {
    const session = this.#session ?? (await this.#lock(waiting));
    this.#session = undefined;
    try {
      // Rows and checkpoint are lost together in a crash of the server, and read again from the log.
      await session.query('set synchronous_commit = off');
      this.#checkpoint = await this.#readCheckpoint(session);
    } catch (error) {
      await session.end();
      throw error;
    }
    this.#session = session;
    this.#database.positions.advance(this.#store.projection.name, this.#checkpoint.position);
    return this.#checkpoint;
  }

  /**
   * Writes what a batch does, and its checkpoint, in one transaction. Entries at or before the checkpoint are passed over.
   * After a throw nothing of the batch is stored, and `open` must be called again.
   * @throws ProblemError 'append-conflict' when somebody else moved the checkpoint, 'read-model-unavailable' when the
   *   connection, and the lock with it, is lost
   */
  async apply(batch: Batch): Promise<void> {
    const session = this.#session;
    if (session === undefined) throw new Error(`${this.#store.projection.name} was not opened`);
    const from = this.#checkpoint;
    if (batch.checkpoint.position <= from.position) return;
    const entries = batch.entries.filter((entry) => entry.position > from.position);
    try {
      await session.transaction(async () => {
        // First of all, so that it waits here, holding nothing else, for a rebuild that is about to switch the tables.
        await this.#store.lockCheckpoint(session, from);
        await this.#store.apply(session, entries);
        await this.#store.moveCheckpoint(session, from, batch.checkpoint);
      });
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#checkpoint = batch.checkpoint;
    this.#database.positions.advance(this.#store.projection.name, batch.checkpoint.position);
  }

  /** Gives up the lock. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#database.positions.forget(this.#store.projection.name);
    await session?.end();
  }

  async #lock({ signal, standby }: StandbyOptions): Promise<Session> {
    const name = lockName(this.#database.schema, this.#store.projection.name);
    const { closed } = this.#database;
    const ended = signal === undefined ? closed : AbortSignal.any([closed, signal]);
    for (;;) {
      signal?.throwIfAborted();
      const session = await this.#database.session();
      try {
        const rows = await session.query<{ readonly locked: boolean }>(
          'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
          [name],
        );
        if (rows[0]?.locked === true) return session;
        standby?.((await this.#store.readCheckpoint(session))?.position ?? 0);
      } catch (error) {
        session.release();
        throw error;
      }
      session.release({ reuse: true });
      // Closing the database ends the wait; the next session then says so.
      await delay(STANDBY_POLL_MS, undefined, { signal: ended }).catch(() => undefined);
    }
  }

  async #readCheckpoint(session: Session): Promise<Checkpoint> {
    const { name, version } = this.#store.projection;
    await this.#store.createCheckpoint(session);
    const stored = await this.#store.readCheckpoint(session);
    if (stored === undefined) throw new Error(`the checkpoint of ${name} vanished`);
    if (stored.version !== version) {
      throw new ProblemError(
        'checkpoint-mismatch',
        `the tables of ${name} were filled by version ${stored.version} of the projection, this build has version ${version}: rebuild them`,
      );
    }
    return { position: stored.position, eventId: stored.eventId };
  }
}

/** What the advisory lock of a projection is derived from. */
export function lockName(schema: string, projection: string): string {
  return `anime-projection:${schema}.${projection}`;
}
