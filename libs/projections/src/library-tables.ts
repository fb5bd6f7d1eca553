import type { Table } from './definition.js';

export interface CheckpointRow {
  readonly projection: string;
  readonly version: number;
  readonly position: number;
  readonly event_id: string;
}

/** How far each projection of a service has read. Not itself part of any projection. */
export const CHECKPOINTS: Table<CheckpointRow, 'projection'> = {
  name: 'projection_checkpoints',
  key: ['projection'],
  columns: { projection: 'text', version: 'integer', position: 'integer', event_id: 'text' },
};

export interface SnapshotRow {
  readonly aggregate: string;
  readonly id: string;
  readonly position: number;
  readonly event_id: string;
  readonly fold_version: number;
  /** JSON as it was written: jsonb would refuse U+0000 in it. */
  readonly state: string;
}

/** Folded aggregates, so that an old one need not be folded from the log again. */
export const SNAPSHOTS: Table<SnapshotRow, 'aggregate' | 'id'> = {
  name: 'aggregate_snapshots',
  key: ['aggregate', 'id'],
  columns: {
    aggregate: 'text',
    id: 'text',
    position: 'integer',
    event_id: 'text',
    fold_version: 'integer',
    state: 'text',
  },
};
