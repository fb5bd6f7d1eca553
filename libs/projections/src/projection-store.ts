import { ProblemError } from '@anime/problem-details';
import { newerEntry, type Checkpoint, type LogEntry, type NewerEntry } from '@anime/event-store';
import { START, type Projection, type RowChange } from './definition.js';
import { CHECKPOINTS } from './library-tables.js';
import type { Session } from './session.js';
import { qualified } from './sql.js';
import { storable } from './storable.js';
import { runAll, TableWriter, type Statement } from './table-writer.js';
import { WorkingSet } from './working-set.js';

/** What a checkpoint row says. */
export interface StoredCheckpoint extends Checkpoint {
  readonly version: number;
}

/**
 * The tables and the checkpoint of one projection in one schema. Every method runs in the caller's transaction, if any.
 */
export class ProjectionStore {
  readonly projection: Projection;
  readonly #checkpoints: string;
  readonly #writers: ReadonlyMap<string, TableWriter>;
  readonly #types: ReadonlySet<string>;

  constructor(projection: Projection, schema: string) {
    this.projection = projection;
    this.#checkpoints = qualified(schema, CHECKPOINTS.name);
    this.#writers = new Map(projection.tables.map((table) => [table.name, new TableWriter(schema, table)]));
    this.#types = new Set(projection.events.map((contract) => contract.type));
  }

  /** The checkpoint row, locked against other writers until the transaction ends if `lock`. */
  async readCheckpoint(session: Session, lock = false): Promise<StoredCheckpoint | undefined> {
    const rows = await session.query<{
      readonly version: string;
      readonly position: string;
      readonly event_id: string;
    }>(
      `select "version", "position", "event_id" from ${this.#checkpoints} where "projection" = $1${lock ? ' for update' : ''}`,
      [this.projection.name],
    );
    const row = rows[0];
    return row && { version: Number(row.version), position: Number(row.position), eventId: row.event_id };
  }

  /** Makes the checkpoint row of a projection that has read nothing, unless it is there. */
  async createCheckpoint(session: Session, checkpoint: Checkpoint = START): Promise<void> {
    await session.query(
      `insert into ${this.#checkpoints} ("projection", "version", "position", "event_id") values ($1, $2, $3, $4) on conflict do nothing`,
      [this.projection.name, this.projection.version, checkpoint.position, checkpoint.eventId],
    );
  }

  /**
   * Moves the checkpoint from one place to another; its row is locked against other writers until the transaction ends.
   * @throws ProblemError 'append-conflict' when it stands elsewhere: somebody else wrote, and the caller must roll back
   */
  async moveCheckpoint(session: Session, from: Checkpoint, to: Checkpoint): Promise<void> {
    const { count } = await session.run(
      `update ${this.#checkpoints} set "position" = $4, "event_id" = $5
        where "projection" = $1 and "position" = $2 and "event_id" = $3 and "version" = $6`,
      [this.projection.name, from.position, from.eventId, to.position, to.eventId, this.projection.version],
    );
    if (count !== 1) throw this.#moved(from);
  }

  /** Sets the checkpoint whatever it was, of this version. */
  async setCheckpoint(session: Session, checkpoint: Checkpoint): Promise<void> {
    await session.query(
      `update ${this.#checkpoints} set "version" = $2, "position" = $3, "event_id" = $4 where "projection" = $1`,
      [this.projection.name, this.projection.version, checkpoint.position, checkpoint.eventId],
    );
  }

  /** False when `apply` would do nothing with any of these. */
  concerns(entries: readonly LogEntry[]): boolean {
    return entries.some((entry) => this.#concerns(entry) || this.#isNewer(entry));
  }

  /**
   * Applies entries in order: loads the rows they touch, changes them in memory, writes each once.
   * @throws ProblemError 'newer-contract' when one is a newer version of a type of the projection: without it, all that
   *   follows would be wrong
   */
  async apply(session: Session, entries: readonly LogEntry[]): Promise<void> {
    for (const entry of entries) if (this.#isNewer(entry)) throw newerEntry(entry);
    const set = new WorkingSet(this.projection.tables);
    const relevant = entries.filter((entry) => this.#concerns(entry)).map((entry) => storableEntry(entry));
    const refs = relevant.flatMap((entry) => (entry.status === 'event' ? this.projection.load(entry.event) : []));
    for (const [table, keys] of set.missing(refs)) {
      set.loaded(table, keys, await this.#writer(table.name).load(session, keys));
    }
    for (const entry of relevant) {
      for (const change of this.#changesOf(set, entry)) set.change(change, entry.position);
    }
    await runAll(session, this.#statements(set));
  }

  #concerns(entry: LogEntry): boolean {
    if (entry.status === 'event') return this.#types.has(entry.event.type);
    return this.projection.applyIneffective !== undefined && (entry.status === 'void' || entry.status === 'fenced');
  }

  #isNewer(entry: LogEntry): entry is NewerEntry {
    return entry.status === 'newer' && this.#types.has(entry.type);
  }

  *#statements(set: WorkingSet): Iterable<Statement> {
    for (const changes of set.changes()) yield* this.#writer(changes.table.name).statements(changes);
  }

  #changesOf(set: WorkingSet, entry: LogEntry): readonly RowChange[] {
    switch (entry.status) {
      case 'event':
        return this.projection.apply(set, entry.event);
      case 'void':
      case 'fenced':
        return this.projection.applyIneffective?.(entry) ?? [];
      default:
        return [];
    }
  }

  #moved(from: Checkpoint): ProblemError {
    return new ProblemError(
      'append-conflict',
      `the checkpoint of ${this.projection.name} no longer stands at ${from.position}: somebody else wrote it`,
    );
  }

  #writer(table: string): TableWriter {
    const writer = this.#writers.get(table);
    if (writer === undefined) throw new Error(`${this.projection.name} has no table ${table}`);
    return writer;
  }
}

function storableEntry(entry: LogEntry): LogEntry {
  switch (entry.status) {
    case 'event': {
      const data = storable(entry.event.data);
      return data === entry.event.data ? entry : { ...entry, event: { ...entry.event, data } };
    }
    case 'void':
      return { ...entry, subject: storable(entry.subject), reason: storable(entry.reason) };
    default:
      return entry;
  }
}
