import type { EventContract } from '@anime/contracts';
import type { Checkpoint, LogEntry, RecordedEvent } from '@anime/event-store';

/**
 * How a column is stored. `text`, `uuid` (lower-case), `instant` (contracts' Instant, kept as text: its form sorts by
 * time and comes back as it was written, which `timestamptz` does not promise), `integer` (bigint; JavaScript's safe
 * range), `double`, `boolean`, `json` (jsonb).
 */
export type ColumnKind = 'text' | 'uuid' | 'instant' | 'integer' | 'double' | 'boolean' | 'json';
/** A trailing `?` makes the column nullable. */
export type ColumnType = ColumnKind | `${ColumnKind}?`;

type KindFor<Value> = [Value] extends [string]
  ? 'text' | 'uuid' | 'instant'
  : [Value] extends [number]
    ? 'integer' | 'double'
    : [Value] extends [boolean]
      ? 'boolean'
      : 'json';
/** The column types that can hold a property of this type. */
export type ColumnTypeFor<Value> = null extends Value ? `${KindFor<NonNullable<Value>>}?` : KindFor<Value>;

/** A secondary index; its name is `<table>_<name>_idx`. */
export interface TableIndex {
  readonly name: string;
  readonly columns: readonly string[];
  /** SQL predicate of a partial index. */
  readonly where?: string;
}

/** A table without its row type: what the library's machinery works on. */
export interface TableShape {
  readonly name: string;
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnType>>;
  /**
   * Keeps every state the row ever had in `<name>_versions`, `[from_position, to_position)`, and the position of the
   * row's last change in a column `position` of both. The library writes all of that; the row type has none of it.
   */
  readonly versioned?: boolean;
  readonly indexes?: readonly TableIndex[];
}

/** A table of a read-model: declared once, as data, beside the type of its rows. */
export interface Table<Row extends object, Key extends keyof Row & string> extends TableShape {
  readonly key: readonly Key[];
  readonly columns: { readonly [Column in keyof Row & string]: ColumnTypeFor<Row[Column]> };
}

/** The primary key of one row. */
export interface RowRef {
  readonly table: TableShape;
  readonly key: object;
}

/** What an event does to one row: sets all its columns, or takes it away. */
export type RowChange =
  | { readonly table: TableShape; readonly put: object }
  | { readonly table: TableShape; readonly remove: object };

/** The rows as they are before an event; only those that `load` named may be asked for. */
export interface Rows {
  /** @throws when `load` did not name this row: the answer would depend on what else the batch held */
  get<Row extends object, Key extends keyof Row & string>(
    table: Table<Row, Key>,
    key: Pick<Row, Key>,
  ): Readonly<Row> | undefined;
}

/** An entry of the log that has no effect anywhere, by a rule that holds for every reader. */
export type Ineffective = Extract<LogEntry, { readonly status: 'void' | 'fenced' }>;

/**
 * A read-model as a pure function `(rows, event) → row changes`. No column may come from a sequence, a clock or chance,
 * so that a rebuild is equal whatever the batches were.
 *
 * The functions are declared as methods on purpose: that lets a projection of some events stand where one of any is wanted.
 */
export interface Projection<Event extends RecordedEvent = RecordedEvent> {
  readonly name: string;
  /** Raised whenever stored rows would come out otherwise, by `apply`, the tables or the events; they are then rebuilt. */
  readonly version: number;
  readonly tables: readonly TableShape[];
  /** What it reads; everything else is passed over. */
  readonly events: readonly EventContract[];
  /** The rows that `apply` asks for or changes in a versioned table. Depends on the event alone. */
  load(event: Event): readonly RowRef[];
  apply(rows: Rows, event: Event): readonly RowChange[];
  /** For a read-model that lists garbage. Writes rows that no event touches, none in a versioned table. */
  applyIneffective?(entry: Ineffective): readonly RowChange[];
}

/** The checkpoint before anything was read. */
export const START: Checkpoint = { position: 0, eventId: '' };
