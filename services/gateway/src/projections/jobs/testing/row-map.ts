import { CATALOGUE } from '@anime/contracts';
import type { NewEvent, RecordedEvent } from '@anime/event-store';
import type { RowRef, Rows, Table, TableShape } from '@anime/projections';
import { jobsProjection } from '../jobs.projection.js';
import type { JobsEvent } from '../events.js';

/** The rows of the read-model in a map, for examples and properties without a database. */
export class RowMap implements Rows {
  readonly #rows = new Map<string, object>();
  #named = new Set<string>();
  #position = 0;

  get<Row extends object, Key extends keyof Row & string>(
    table: Table<Row, Key>,
    key: Pick<Row, Key>,
  ): Readonly<Row> | undefined {
    const name = nameOf(table, key);
    if (!this.#named.has(name)) throw new Error(`load did not name ${name}`);
    return this.#rows.get(name) as Row | undefined;
  }

  /** Applies the next events of a log. */
  apply(...events: readonly NewEvent[]): this {
    for (const event of events) {
      const recorded = recordedAt(event, (this.#position += 1));
      this.#named = new Set(jobsProjection.load(recorded).map((ref: RowRef) => nameOf(ref.table, ref.key)));
      for (const change of jobsProjection.apply(this, recorded)) {
        if ('put' in change) this.#rows.set(nameOf(change.table, change.put), change.put);
        else this.#rows.delete(nameOf(change.table, change.remove));
      }
    }
    return this;
  }

  /** A row by its key. */
  row<Row extends object, Key extends keyof Row & string>(table: Table<Row, Key>, key: Pick<Row, Key>): Row {
    const row = this.#rows.get(nameOf(table, key));
    if (row === undefined) throw new Error(`there is no ${nameOf(table, key)}`);
    return row as Row;
  }

  /** All rows as they are now. */
  all(): ReadonlyMap<string, object> {
    return new Map([...this.#rows].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** All rows, without what says where in the log an event stands. */
  withoutPositions(): ReadonlyMap<string, object> {
    return new Map([...this.all()].map(([name, row]) => [name, { ...row, position: 0, accepted_position: 0 }]));
  }
}

function nameOf(table: TableShape, values: object): string {
  const columns = values as Readonly<Record<string, unknown>>;
  return JSON.stringify([table.name, ...table.key.map((column) => columns[column])]);
}

/** The event as a reader gets it: its data as the newest version of its type has them. */
function recordedAt(event: NewEvent, position: number): JobsEvent {
  const { contract, ...rest } = event;
  let { data } = rest;
  let newest = contract;
  for (let step = CATALOGUE.upcasters.get(contract.name); step !== undefined;) {
    data = step.upcast(data);
    newest = step.to;
    step = CATALOGUE.upcasters.get(newest.name);
  }
  const recorded: RecordedEvent = {
    ...rest,
    data,
    type: contract.type,
    storedName: contract.name,
    aggregate: contract.aggregate,
    producer: contract.producer,
    position,
  };
  if (!jobsProjection.events.includes(newest)) throw new Error(`the projection does not read ${newest.name}`);
  return recorded as JobsEvent; // its contract is one of the projection's
}
