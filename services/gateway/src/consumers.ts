import type { ConsumerTable, ProcessRow } from '@anime/messaging';
import { projectionRow, type Database } from '@anime/projections';
import { PROJECTIONS } from './projections/index.js';

/** What a person types when a read-model does not belong to the log. */
const REBUILD = 'npm run rebuild -w @anime/gateway';

/** All that the gateway reads: its read-models, and what it keeps in memory. */
export function consumers(database: Database, templates: ProcessRow, keys: ProcessRow): ConsumerTable {
  return [...PROJECTIONS.map((projection) => projectionRow(projection, database, REBUILD)), templates, keys];
}
