import { setTimeout as delay } from 'node:timers/promises';
import { ProblemError } from '@anime/problem-details';
import type { Batch, Checkpoint, LogEntry } from '@anime/event-store';
import { codeOf, LOCK_NOT_AVAILABLE, QUERY_CANCELED } from './connection-error.js';
import type { Database } from './database.js';
import { START, type Projection } from './definition.js';
import { ProjectionStore } from './projection-store.js';
import type { Session } from './session.js';

/** How often a standby asks for the lock. */
const STANDBY_POLL_MS = 300;
/** A runner of which nothing is heard for so long, because it hangs or is cut off, loses the lock. */
const TAKEOVER_MS = 15_000;

/** How a runner waits for another one to end, and what it tells afterwards. */
export interface StandbyOptions {
  /** Ends the wait; what it throws is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called again and again during the wait, with the position that the other runner has reached. */
  readonly standby?: ((position: number) => void) | undefined;
  /**
   * Called when the connection, and the lock with it, is lost later on, also while nothing is written: the server may have
   * forgotten the last batches, and `open` must be called again.
   */
  readonly lost?: ((reason: unknown) => void) | undefined;
}

/**
 * Keeps one read-model up to date. At most one runner per projection and schema writes, in whatever process: it writes
 * only over the connection that holds the projection's advisory lock, so losing one is losing the other.
 */
export class ProjectionRunner {
  readonly #store: ProjectionStore;
  readonly #database: Database;
  readonly #takeoverMs: number;
  #session: Session | undefined;
  #checkpoint: Checkpoint = START;
  #onLost: StandbyOptions['lost'];

  /** @param takeoverMs after so long in silence the server gives the lock to another runner; default 15 s */
  constructor(projection: Projection, database: Database, takeoverMs = TAKEOVER_MS) {
    this.#store = new ProjectionStore(projection, database.schema);
    this.#database = database;
    this.#takeoverMs = takeoverMs;
  }

  /**
   * Takes the projection's lock, unless this runner still has it, and reads where to go on; waits as a standby while another
   * runner has the lock.
   * @throws ProblemError 'read-model-unavailable' while PostgreSQL is away; 'checkpoint-mismatch' when the tables were
   *   filled by another version of the projection and must be rebuilt
   */
  async open(waiting: StandbyOptions = {}): Promise<Checkpoint> {
    this.#onLost = waiting.lost;
    if (this.#session?.lost.aborted === true) await this.close();
    const session = this.#session ?? (await this.#lock(waiting));
    this.#session = session;
    try {
      this.#checkpoint = await this.#readCheckpoint(session);
      session.lost.throwIfAborted();
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#database.positions.advance(this.#store.projection.name, this.#checkpoint.position);
    return this.#checkpoint;
  }

  /**
   * Writes what a batch does, and its checkpoint, in one transaction. Entries at or before the checkpoint are passed over.
   * After a throw `open` must be called again; it says what is stored: nothing of the batch, unless the connection was lost at
   * its very end.
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
      let written = false;
      while (!written) written = await this.#write(session, entries, from, batch.checkpoint);
      // A commit just before the loss may be forgotten.
      session.lost.throwIfAborted();
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

  /** @returns false when somebody else holds the checkpoint row, or the server is slow: nothing is written, and it is worth trying again */
  async #write(session: Session, entries: readonly LogEntry[], from: Checkpoint, to: Checkpoint): Promise<boolean> {
    // First of all, so that it waits here, holding nothing else, for a rebuild that is about to switch the tables.
    const move = (): Promise<void> => this.#store.moveCheckpoint(session, from, to);
    try {
      if (this.#store.concerns(entries)) {
        await session.transaction(async () => {
          await move();
          await this.#store.apply(session, entries);
        });
      } else await move();
      return true;
    } catch (error) {
      if (codeOf(error) === QUERY_CANCELED) await session.bePatient();
      else if (codeOf(error) !== LOCK_NOT_AVAILABLE) throw error;
      return false;
    }
  }

  async #lock({ signal, standby }: StandbyOptions): Promise<Session> {
    const name = lockName(this.#database.schema, this.#store.projection.name);
    const { closed } = this.#database;
    const ended = signal === undefined ? closed : AbortSignal.any([closed, signal]);
    const session = await this.#database.session();
    try {
      await session.guard(this.#takeoverMs);
      await session.fillReadModel();
      for (;;) {
        signal?.throwIfAborted();
        const rows = await session.query<{ readonly locked: boolean }>(
          'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
          [name],
        );
        if (rows[0]?.locked === true) break;
        standby?.((await this.#store.readCheckpoint(session))?.position ?? 0);
        // Closing the database ends the wait; the next statement then fails.
        await delay(STANDBY_POLL_MS, undefined, { signal: ended }).catch(() => undefined);
      }
    } catch (error) {
      session.release();
      throw error;
    }
    session.lost.addEventListener('abort', () => this.#lose(session.lost.reason), { once: true });
    return session;
  }

  /** From now on only the database knows how far the projection is. */
  #lose(reason: unknown): void {
    this.#database.positions.forget(this.#store.projection.name);
    this.#onLost?.(reason);
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
