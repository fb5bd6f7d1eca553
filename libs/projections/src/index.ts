export * from './definition.js';
export {
  createDatabase,
  type Database,
  type DatabaseOptions,
  type MigrationStep,
  type WaitOptions,
} from './database.js';
export type { Session } from './session.js';
export { ProjectionRunner, type StandbyOptions } from './projection-runner.js';
export { projectionRow, MAX_BATCH, type ProjectionConsumer } from './projection-row.js';
export { hashTables } from './hash-tables.js';
export { CHECKPOINTS, SNAPSHOTS } from './library-tables.js';
export { ProjectionCheckpoints } from './migrations/checkpoints.js';
export { AggregateSnapshots } from './migrations/snapshots.js';
export { storable } from './storable.js';
export { rebuild, type RebuildOptions, type RebuildProgress, type Rebuilt } from './rebuild.js';
export { PostgresSnapshotStore } from './snapshot-store.js';
