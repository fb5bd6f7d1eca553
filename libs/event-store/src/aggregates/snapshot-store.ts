import type { Checkpoint } from '../event-log.js';

/** The folded state of one aggregate at one position; `position` and `eventId` prove that it belongs to the log. */
export interface Snapshot {
  readonly id: string;
  readonly position: number;
  readonly eventId: string;
  /** Of the decider that folded it; another version's snapshot is dropped. */
  readonly foldVersion: number;
  /** As JSON would keep it. */
  readonly state: unknown;
}

/** Where snapshots are kept, in the service's own schema. Losing any of them costs time only. */
export interface SnapshotStore {
  load(aggregate: string, id: string): Promise<Snapshot | undefined>;
  /**
   * Keeps the snapshot unless a later one of the same fold version is there: that of a faster process.
   * @param foreign the place of a snapshot that was found not to belong to the log: that very one is replaced though later
   */
  save(aggregate: string, snapshot: Snapshot, foreign?: Checkpoint): Promise<void>;
}
