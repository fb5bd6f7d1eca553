import { isDeepStrictEqual } from 'node:util';
import type { RowChange, RowRef, Rows, Table, TableShape } from './definition.js';

type Values = Readonly<Record<string, unknown>>;

/** One state of a row of a versioned table, valid in `[from, to)`; `to` null = still. */
export interface RowVersion {
  readonly values: Values;
  readonly from: number;
  to: number | null;
}

interface Slot {
  values: Values | undefined;
  /** Position of the event that made `values`; 0 in tables without versions. */
  position: number;
  touched: boolean;
  /** True when the database was asked and has no such row. */
  readonly absent: boolean;
  /** The version that this batch began and that is still open. */
  open: RowVersion | undefined;
  /** `from_position` of the version that stood open in the database before this batch, which ends at `closedAt`. */
  readonly storedFrom: number | undefined;
  closedAt: number | undefined;
}

/** What a batch did to one table, in the form that the writer needs. */
export interface TableChanges {
  readonly table: TableShape;
  /** Rows that were looked for and not there. `position` stands beside the columns where the table is versioned. */
  readonly inserts: readonly Values[];
  /** Last state of every other row that changed, there before or not. */
  readonly puts: readonly Values[];
  /** Keys of the rows that are gone. */
  readonly removes: readonly Values[];
  /** Versions that began in this batch. */
  readonly versions: readonly RowVersion[];
  /** Key, `from_position` and new `to_position` of versions that were open before this batch. */
  readonly closed: readonly Values[];
}

/** Key of a row within its table as one string. */
export function keyText(table: TableShape, values: object): string {
  const first = table.key[0];
  const source = values as Values;
  if (table.key.length === 1 && first !== undefined) return String(source[first]);
  return JSON.stringify(table.key.map((column) => source[column]));
}

/**
 * The rows of a batch while its events are applied in order: loaded once, changed in memory, written once. Rows of
 * versioned tables leave one version for each event that changed them, however many events of the batch did.
 */
export class WorkingSet implements Rows {
  readonly #slots = new Map<string, Map<string, Slot>>();
  readonly #versions = new Map<string, RowVersion[]>();
  readonly #tables: ReadonlyMap<string, TableShape>;

  constructor(tables: readonly TableShape[]) {
    this.#tables = new Map(tables.map((table) => [table.name, table]));
    for (const table of tables) this.#slots.set(table.name, new Map());
  }

  /** The rows that must still be read from the database for these events. */
  missing(refs: Iterable<RowRef>): ReadonlyMap<TableShape, readonly Values[]> {
    const wanted = new Map<TableShape, Map<string, Values>>();
    for (const ref of refs) {
      const table = this.#declared(ref.table);
      const key = keyText(table, ref.key);
      if (this.#slotsOf(table).has(key)) continue;
      const keys = wanted.get(table) ?? new Map<string, Values>();
      wanted.set(table, keys.set(key, ref.key as Values));
    }
    return new Map([...wanted].map(([table, keys]) => [table, [...keys.values()]]));
  }

  /** Takes in what the database holds for these keys; keys without a row are known to be absent from then on. */
  loaded(table: TableShape, keys: readonly Values[], rows: readonly Values[]): void {
    const slots = this.#slotsOf(table);
    for (const key of keys) slots.set(keyText(table, key), emptySlot(true));
    for (const row of rows) {
      const { position, ...columns } = row;
      const from = table.versioned === true ? Number(position) : undefined;
      slots.set(keyText(table, row), {
        values: table.versioned === true ? columns : row,
        position: from ?? 0,
        touched: false,
        absent: false,
        open: undefined,
        storedFrom: from,
        closedAt: undefined,
      });
    }
  }

  get<Row extends object, Key extends keyof Row & string>(
    table: Table<Row, Key>,
    key: Pick<Row, Key>,
  ): Readonly<Row> | undefined {
    const slot = this.#slotsOf(table).get(keyText(table, key));
    if (slot === undefined)
      throw new Error(`the projection reads ${table.name} ${keyText(table, key)} without having named it in load`);
    return slot.values as Readonly<Row> | undefined;
  }

  /** Applies what the event at `position` does. */
  change(change: RowChange, position: number): void {
    const table = this.#declared(change.table);
    const slots = this.#slotsOf(table);
    const values = 'put' in change ? (change.put as Values) : undefined;
    const key = keyText(table, 'put' in change ? change.put : change.remove);
    let slot = slots.get(key);
    if (slot === undefined) {
      if (table.versioned === true)
        throw new Error(`the projection changes ${table.name} ${key} without having named it in load`);
      slots.set(key, (slot = emptySlot(false)));
    }
    if (table.versioned === true && !this.#keepVersion(table, slot, values, position)) return;
    slot.values = values;
    slot.touched = true;
  }

  /** All that the database must be told. */
  changes(): readonly TableChanges[] {
    const result: TableChanges[] = [];
    for (const [name, slots] of this.#slots) {
      const table = this.#tables.get(name);
      if (table === undefined) continue;
      const inserts: Values[] = [];
      const puts: Values[] = [];
      const removes: Values[] = [];
      const closed: Values[] = [];
      for (const [key, slot] of slots) {
        if (!slot.touched) continue;
        if (slot.values === undefined) removes.push(keyValues(table, key));
        else
          (slot.absent ? inserts : puts).push(
            table.versioned === true ? { ...slot.values, position: slot.position } : slot.values,
          );
        if (slot.storedFrom !== undefined && slot.closedAt !== undefined) {
          closed.push({ ...keyValues(table, key), from_position: slot.storedFrom, to_position: slot.closedAt });
        }
      }
      if (inserts.length + puts.length + removes.length === 0) continue;
      result.push({ table, inserts, puts, removes, versions: this.#versions.get(name) ?? [], closed });
    }
    return result;
  }

  /** Closes the row's open version and begins the next; false when the event leaves the row as it is. */
  #keepVersion(table: TableShape, slot: Slot, values: Values | undefined, position: number): boolean {
    if (sameRow(table, slot.values, values)) return false;
    if (slot.open !== undefined) slot.open.to = position;
    else if (slot.storedFrom !== undefined) slot.closedAt ??= position;
    slot.open = undefined;
    if (values !== undefined) {
      let versions = this.#versions.get(table.name);
      if (versions === undefined) this.#versions.set(table.name, (versions = []));
      versions.push((slot.open = { values, from: position, to: null }));
    }
    slot.position = position;
    return true;
  }

  #slotsOf(table: TableShape): Map<string, Slot> {
    const slots = this.#slots.get(table.name);
    if (slots === undefined) throw new Error(`the projection has no table ${table.name}`);
    return slots;
  }

  #declared(table: TableShape): TableShape {
    const declared = this.#tables.get(table.name);
    if (declared === undefined) throw new Error(`the projection has no table ${table.name}`);
    return declared;
  }
}

function emptySlot(absent: boolean): Slot {
  return {
    values: undefined,
    position: 0,
    touched: false,
    absent,
    open: undefined,
    storedFrom: undefined,
    closedAt: undefined,
  };
}

function keyValues(table: TableShape, key: string): Values {
  const first = table.key[0];
  if (table.key.length === 1 && first !== undefined) {
    const kind = table.columns[first];
    return { [first]: kind === 'integer' || kind === 'double' ? Number(key) : key };
  }
  const parts = JSON.parse(key) as unknown[];
  return Object.fromEntries(table.key.map((column, index) => [column, parts[index]]));
}

function sameRow(table: TableShape, before: Values | undefined, after: Values | undefined): boolean {
  if (before === undefined || after === undefined) return before === after;
  return Object.keys(table.columns).every(
    (column) => before[column] === after[column] || isDeepStrictEqual(before[column], after[column]),
  );
}
