import type { EventContract } from '@anime/contracts';
import type { Batch, Checkpoint } from '@anime/event-store';
import type { Database } from './database.js';
import type { Projection } from './definition.js';
import { ProjectionRunner, type StandbyOptions } from './projection-runner.js';

/** Events per transaction (architecture §7: 500–1000). */
export const MAX_BATCH = 1_000;

/** A row of kind `projection` for a service's consumer table (messaging's ProjectionRow). */
export interface ProjectionConsumer {
  readonly kind: 'projection';
  readonly name: string;
  readonly events: readonly EventContract[];
  readonly maxBatch: number;
  readonly repair: string;
  readonly loadCheckpoint: (waiting?: StandbyOptions) => Promise<Checkpoint>;
  readonly onBatch: (batch: Batch) => Promise<void>;
  readonly release: () => Promise<void>;
}

/**
 * Builds the consumer row of a read-model. Its runner ends with the database.
 * @param repair the command that rebuilds it, as people type it
 */
export function projectionRow(projection: Projection, database: Database, repair: string): ProjectionConsumer {
  const runner = new ProjectionRunner(projection, database);
  return {
    kind: 'projection',
    name: projection.name,
    events: projection.events,
    maxBatch: MAX_BATCH,
    repair,
    loadCheckpoint: (waiting) => runner.open(waiting),
    onBatch: (batch) => runner.apply(batch),
    release: () => runner.close(),
  };
}
