import type { Checkpoint, Snapshot, SnapshotStore } from '@anime/event-store';
import type { Database } from './database.js';
import { SNAPSHOTS, type SnapshotRow } from './library-tables.js';

/**
 * Snapshots of folded aggregates in the service's own schema. Throws 'read-model-unavailable' while PostgreSQL is away:
 * a caller can go on without, folding from the log.
 */
export class PostgresSnapshotStore implements SnapshotStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async load(aggregate: string, id: string): Promise<Snapshot | undefined> {
    const rows = await this.#database.query<{ readonly row: SnapshotRow }>(
      `select to_json(t) as row from ${this.#database.table(SNAPSHOTS.name)} t where t.aggregate = $1 and t.id = $2`,
      [aggregate, id],
    );
    const row = rows[0]?.row;
    if (row === undefined) return undefined;
    return {
      id,
      position: row.position,
      eventId: row.event_id,
      foldVersion: row.fold_version,
      state: JSON.parse(row.state) as unknown,
    };
  }

  async save(aggregate: string, snapshot: Snapshot, foreign?: Checkpoint): Promise<void> {
    const { id, position, eventId, foldVersion, state } = snapshot;
    await this.#database.query(
      `insert into ${this.#database.table(SNAPSHOTS.name)} as t ("aggregate", "id", "position", "event_id", "fold_version", "state")
        values ($1, $2, $3, $4, $5, $6)
        on conflict ("aggregate", "id") do update
        set "position" = excluded."position", "event_id" = excluded."event_id", "fold_version" = excluded."fold_version", "state" = excluded."state"
        where t."fold_version" <> excluded."fold_version" or t."position" < excluded."position"
          or (t."position" = $7 and t."event_id" = $8)`,
      [
        aggregate,
        id,
        position,
        eventId,
        foldVersion,
        JSON.stringify(state),
        foreign?.position ?? null,
        foreign?.eventId ?? null,
      ],
    );
  }
}
