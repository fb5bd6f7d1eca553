import type { Snapshot, SnapshotStore } from '../aggregates/snapshot-store.js';
import type { Checkpoint } from '../event-log.js';

/** Snapshots in memory, as JSON keeps them. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #snapshots = new Map<string, string>();

  async load(aggregate: string, id: string): Promise<Snapshot | undefined> {
    const text = this.#snapshots.get(`${aggregate}/${id}`);
    return text === undefined ? undefined : (JSON.parse(text) as Snapshot);
  }

  async save(aggregate: string, snapshot: Snapshot, foreign?: Checkpoint): Promise<void> {
    const kept = await this.load(aggregate, snapshot.id);
    const isForeign = kept?.position === foreign?.position && kept?.eventId === foreign?.eventId;
    if (kept?.foldVersion === snapshot.foldVersion && kept.position >= snapshot.position && !isForeign) return;
    this.#snapshots.set(`${aggregate}/${snapshot.id}`, JSON.stringify(snapshot));
  }
}
