import { CHECKPOINTS, createDatabase, SNAPSHOTS, type Database } from '@anime/projections';
import { GATEWAY_MIGRATIONS } from '../../migrations/index.js';
import { READ_MODEL_TABLES } from '../../projections/index.js';

/** The gateway's own schema. */
export const GATEWAY_SCHEMA = 'gateway';

/** The gateway's database: connects at the first use and migrates itself. */
export function gatewayDatabase(url: string): Database {
  return createDatabase({
    url,
    schema: GATEWAY_SCHEMA,
    migrations: GATEWAY_MIGRATIONS,
    tables: [...READ_MODEL_TABLES, CHECKPOINTS, SNAPSHOTS],
  });
}
