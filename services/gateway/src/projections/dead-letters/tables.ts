import type { Table } from '@anime/projections';
import type { DeadLetterRow, VoidRow } from './rows.js';

export const DEAD_LETTERS: Table<DeadLetterRow, 'id'> = {
  name: 'dead_letters',
  key: ['id'],
  columns: {
    id: 'uuid',
    position: 'integer',
    state: 'text',
    consumer: 'text',
    event_id: 'uuid',
    event_name: 'text',
    aggregate_id: 'uuid',
    error_code: 'text',
    error_message: 'text',
    deliveries: 'integer',
    parkings: 'integer',
    parked_at: 'instant',
    last_parked_at: 'instant',
    replays: 'integer',
    replay_id: 'uuid?',
    replayed_at: 'instant?',
    replayed_by: 'text?',
    settled_at: 'instant?',
    outcome: 'text?',
    discarded_at: 'instant?',
    discarded_by: 'text?',
    seen: 'json',
  },
  indexes: [
    { name: 'position', columns: ['position'] },
    { name: 'state', columns: ['state', 'position'] },
    { name: 'aggregate', columns: ['aggregate_id', 'position'] },
  ],
};

export const VOIDS: Table<VoidRow, 'position'> = {
  name: 'voids',
  key: ['position'],
  columns: { position: 'integer', kind: 'text', subject: 'text', reason: 'text', size: 'integer?' },
  indexes: [{ name: 'kind', columns: ['kind', 'position'] }],
};

/** Every table of the read-model. */
export const DEAD_LETTERS_TABLES = [DEAD_LETTERS, VOIDS] as const;
