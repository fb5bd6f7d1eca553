import {
  JobCancelRequestedV2,
  JobRejectedV1,
  JobRequestedV3,
  type EventContract,
  type EventData,
} from '@anime/contracts';
import { deriveId, uuidv7, type EventOf, type NewEvent, type RecordedEvent } from '@anime/event-store';
import { Migration } from '@mikro-orm/migrations';
import { createDatabase, type Database } from '../database.js';
import type { Projection, Rows, Table } from '../definition.js';
import { CHECKPOINTS, SNAPSHOTS } from '../library-tables.js';
import { ProjectionCheckpoints } from '../migrations/checkpoints.js';
import { AggregateSnapshots } from '../migrations/snapshots.js';

/** A small read-model for this library's own tests: how often each job was spoken of, and with which words. */
export interface TallyRow {
  readonly id: string;
  readonly count: number;
  readonly last: string;
  readonly share: number | null;
  readonly words: readonly string[];
}

export const TALLIES: Table<TallyRow, 'id'> = {
  name: 'tallies',
  key: ['id'],
  versioned: true,
  columns: { id: 'uuid', count: 'integer', last: 'text', share: 'double?', words: 'json' },
  indexes: [{ name: 'last', columns: ['last'] }],
};

export interface LineRow {
  readonly position: number;
  readonly text: string;
}
export const LINES: Table<LineRow, 'position'> = {
  name: 'lines',
  key: ['position'],
  columns: { position: 'integer', text: 'text' },
};

const EVENTS = [JobRequestedV3, JobCancelRequestedV2, JobRejectedV1] as const;
type TallyEvent = EventOf<(typeof EVENTS)[number]> & RecordedEvent;

export const tally: Projection<TallyEvent> = {
  name: 'tally',
  version: 1,
  tables: [TALLIES, LINES],
  events: EVENTS,
  load: (event) => [{ table: TALLIES, key: { id: event.aggregateId } }],
  apply: (rows: Rows, event) => {
    const id = event.aggregateId;
    const line = { table: LINES, put: { position: event.position, text: event.type } satisfies LineRow };
    const before = rows.get(TALLIES, { id });
    // A rejection takes the row away; a second request leaves it as it is.
    if (event.type === JobRejectedV1.type) return [line, { table: TALLIES, remove: { id } }];
    if (event.type === JobRequestedV3.type && before !== undefined) return [line, { table: TALLIES, put: before }];
    const count = (before?.count ?? 0) + 1;
    const words =
      event.type === JobRequestedV3.type
        ? [String(event.data.parameters['prompt'])]
        : [...(before?.words ?? []), 'cancel'];
    const row: TallyRow = { id, count, last: event.type, share: count === 1 ? null : 1 / count, words };
    return [line, { table: TALLIES, put: row }];
  },
};

class TallyTables extends Migration {
  override up(): void {
    const columns =
      '"count" bigint not null, "last" text not null, "share" double precision null, "words" jsonb not null';
    this.addSql(`create table "tallies" ("id" uuid not null primary key, ${columns}, "position" bigint not null)`);
    this.addSql(`create index "tallies_last_idx" on "tallies" ("last")`);
    this.addSql(
      `create table "tallies_versions" ("id" uuid not null, ${columns}, "from_position" bigint not null, "to_position" bigint null, primary key ("id", "from_position"))`,
    );
    this.addSql(`create table "lines" ("position" bigint not null primary key, "text" text not null)`);
  }
}

/** A schema of its own with the tables of `tally`. */
export function tallyDatabase(url: string, schema: string): Database {
  return createDatabase({
    url,
    schema,
    migrations: [
      { name: '001-checkpoints', class: ProjectionCheckpoints },
      { name: '002-snapshots', class: AggregateSnapshots },
      { name: '003-tally', class: TallyTables },
    ],
    tables: [TALLIES, LINES, CHECKPOINTS, SNAPSHOTS],
  });
}

const ROOT_ID = '00000000-0000-5000-8000-000000000000';

/** Id of the n-th job. */
export function jobId(n: number): string {
  return deriveId(ROOT_ID, 'job', String(n));
}

function event<C extends EventContract>(contract: C, n: number, data: EventData<C>): NewEvent<C> {
  const id = uuidv7();
  return {
    contract,
    aggregateId: jobId(n),
    data,
    id,
    time: '2026-01-01T00:00:00.000Z',
    correlationId: id,
    actor: `service:${contract.producer}`,
  };
}

/** An event for the n-th job. */
export const spoken = {
  requested: (n: number, prompt = 'a lighthouse'): NewEvent =>
    event(JobRequestedV3, n, {
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: { prompt },
      seed: 1,
      seedSource: 'given',
      inputs: [],
      limits: {},
      project: null,
    }),
  cancelRequested: (n: number): NewEvent => event(JobCancelRequestedV2, n, { reason: null }),
  rejected: (n: number): NewEvent => event(JobRejectedV1, n, { class: 'invalid', message: 'no' }),
};
