import { ProblemError } from '@anime/problem-details';
import type { Batch, Checkpoint, EventLog } from '@anime/event-store';
import type { Database } from './database.js';
import { START, type Projection } from './definition.js';
import { hashStoredTables } from './hash-tables.js';
import { CHECKPOINTS } from './library-tables.js';
import { MAX_BATCH } from './projection-row.js';
import { ProjectionStore } from './projection-store.js';
import type { Session } from './session.js';
import { qualified, storedTables, type StoredTable } from './sql.js';
import { createCopies, dropSchema, switchTables } from './table-copies.js';

/** How often the end of a growing log is run after before the live projection is made to wait for the rest. */
const CATCH_UP_ROUNDS = 20;

export interface RebuildProgress {
  /** Position up to which the new tables are filled. */
  readonly position: number;
  /** Last position of the log as far as known. */
  readonly end: number;
}

export interface RebuildOptions {
  readonly onProgress?: (progress: RebuildProgress) => void;
  /**
   * Compares the new tables with the live ones, at the same position, before switching. The live projection waits
   * meanwhile; reads do not.
   */
  readonly checkParity?: boolean;
  readonly signal?: AbortSignal;
  /** Default 1000. */
  readonly maxBatch?: number;
}

export interface Rebuilt {
  readonly checkpoint: Checkpoint;
  /** `hashTables` of old and new, which are equal; null when it was not asked for. */
  readonly hash: string | null;
}

/**
 * Fills a new copy of a projection's tables from the log, beside the live ones, and puts it in their place in one
 * transaction. The live projection and all readers go on meanwhile, in this process or another; the live runner finds its
 * checkpoint moved and goes on from there. A rebuild that ends early leaves the live tables as they were.
 * @throws ProblemError 'checkpoint-mismatch' when parity was asked for and does not hold, or the live tables are of another
 *   version; 'newer-contract' when the log, with parity up to where the live
 *   tables are, holds an event that only a newer build can read; 'append-conflict' when a rebuild is under way already; 'read-model-unavailable'; the signal's reason
 */
export async function rebuild(
  projection: Projection,
  log: EventLog,
  database: Database,
  options: RebuildOptions = {},
): Promise<Rebuilt> {
  const session = await database.session();
  try {
    return await new Rebuild(projection, log, database, session, options).run();
  } finally {
    await session.end();
  }
}

class Rebuild {
  readonly #projection: Projection;
  readonly #log: EventLog;
  readonly #database: Database;
  readonly #session: Session;
  readonly #options: RebuildOptions;
  readonly #copy: string;
  readonly #tables: readonly StoredTable[];
  readonly #live: ProjectionStore;
  readonly #new: ProjectionStore;
  readonly #maxBatch: number;
  #at: Checkpoint = START;

  constructor(projection: Projection, log: EventLog, database: Database, session: Session, options: RebuildOptions) {
    this.#projection = projection;
    this.#log = log;
    this.#database = database;
    this.#session = session;
    this.#options = options;
    this.#maxBatch = options.maxBatch ?? MAX_BATCH;
    this.#copy = `${database.schema}__rebuild_${projection.name}`;
    this.#tables = storedTables(projection.tables);
    this.#live = new ProjectionStore(projection, database.schema);
    this.#new = new ProjectionStore(projection, this.#copy);
  }

  async run(): Promise<Rebuilt> {
    await this.#prepare();
    try {
      await this.#fill();
      return await this.#finish();
    } catch (error) {
      await dropSchema(this.#session, this.#copy).catch(() => undefined);
      throw error;
    }
  }

  async #prepare(): Promise<void> {
    const rows = await this.#session.query<{ readonly locked: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
      [`anime-rebuild:${this.#database.schema}.${this.#projection.name}`],
    );
    if (rows[0]?.locked !== true)
      throw new ProblemError('append-conflict', `a rebuild of ${this.#projection.name} is under way already`);
    await this.#live.createCheckpoint(this.#session);
    if (this.#options.checkParity === true && (await this.#liveCheckpoint()).version !== this.#projection.version) {
      throw new ProblemError(
        'checkpoint-mismatch',
        `the live tables of ${this.#projection.name} are of another version: there is nothing to compare with`,
      );
    }
    await createCopies(this.#session, this.#database.schema, this.#copy, [...this.#tables, CHECKPOINTS]);
    await this.#new.createCheckpoint(this.#session);
    // The copy is worth nothing before the switch, whose own commit makes all of it durable.
    await this.#session.fillReadModel();
  }

  /** Reads from the log to near its end, which moves meanwhile; with parity to where the live tables are, and no further. */
  async #fill(): Promise<void> {
    if (this.#options.checkParity === true) {
      const live = await this.#liveCheckpoint();
      if (live.position > (await this.#log.end())) {
        throw new ProblemError(
          'checkpoint-mismatch',
          `the live tables of ${this.#projection.name} are ahead of the log: there is nothing to compare with`,
        );
      }
      await this.#readOn(live);
      return;
    }
    let end = await this.#log.end();
    for (let round = 0; round < CATCH_UP_ROUNDS; round += 1) {
      await this.#readOn({ position: end });
      end = await this.#log.end();
      if (end - this.#at.position <= this.#maxBatch) return;
    }
  }

  /** Reads on to a position or, in the last batch, beyond it; to a checkpoint exactly. */
  async #readOn(target: { readonly position: number; readonly eventId?: string }): Promise<void> {
    if (target.position <= this.#at.position) return;
    const stop = new AbortController();
    const onAbort = (): void => stop.abort();
    this.#options.signal?.addEventListener('abort', onAbort, { once: true });
    const { position, eventId } = target;
    const exactly = eventId === undefined ? undefined : { position, eventId };
    try {
      await this.#log.follow({
        after: this.#at,
        signal: stop.signal,
        maxBatch: this.#maxBatch,
        onBatch: async (batch) => {
          this.#options.signal?.throwIfAborted();
          await this.#write(batch, exactly);
          this.#options.onProgress?.({ position: this.#at.position, end: batch.end });
          if (this.#at.position >= position) stop.abort();
        },
      });
      this.#options.signal?.throwIfAborted();
    } finally {
      this.#options.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #write(batch: Batch, upTo: Checkpoint | undefined): Promise<void> {
    const from = this.#at;
    const to =
      upTo !== undefined && upTo.position < batch.checkpoint.position
        ? { position: upTo.position, eventId: upTo.eventId }
        : batch.checkpoint;
    if (to.position <= from.position) return;
    const entries = batch.entries.filter((entry) => entry.position > from.position && entry.position <= to.position);
    await this.#session.transaction(async () => {
      await this.#new.apply(this.#session, entries);
      await this.#new.moveCheckpoint(this.#session, from, to);
    });
    this.#at = to;
  }

  /** Stops the live projection by its checkpoint row, reads what it has read, compares, switches. */
  async #finish(): Promise<Rebuilt> {
    for (const { name } of this.#tables) await this.#session.query(`analyze ${qualified(this.#copy, name)}`);
    return this.#database.transaction(async (holder) => {
      const live = await this.#live.readCheckpoint(holder, true);
      if (live === undefined) throw new Error(`the checkpoint of ${this.#projection.name} vanished`);
      // Parity needs exactly the live position. Without it all of the log is as good, and a live checkpoint that does not
      // belong to this log, which is what a rebuild mends, must not be waited for.
      await this.#readOn(this.#options.checkParity === true ? live : { position: await this.#log.end() });
      const hash = this.#options.checkParity === true ? await this.#compare(holder) : null;
      await switchTables(holder, this.#database.schema, this.#copy, this.#tables);
      await this.#live.setCheckpoint(holder, this.#at);
      return { checkpoint: this.#at, hash };
    });
  }

  async #compare(holder: Session): Promise<string> {
    const live = await hashStoredTables(holder, this.#database.schema, this.#tables);
    const rebuilt = await hashStoredTables(holder, this.#copy, this.#tables);
    if (live !== rebuilt) {
      throw new ProblemError(
        'checkpoint-mismatch',
        `the live tables of ${this.#projection.name} differ from those rebuilt to position ${this.#at.position}: ${live} is not ${rebuilt}`,
      );
    }
    return live;
  }

  async #liveCheckpoint(): Promise<Checkpoint & { readonly version: number }> {
    return (await this.#live.readCheckpoint(this.#session)) ?? { ...START, version: this.#projection.version };
  }
}
