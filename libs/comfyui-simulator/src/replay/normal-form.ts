import { isRecord } from '../graph.js';
import { orderedRecord } from '../ordered-record.js';

const TIMES = ['timestamp', 'create_time', 'execution_start_time', 'execution_end_time'];
const SETS = ['executed', 'current_outputs'];
const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{32}\b/g;
const TEMP_NAME = /ComfyUI_temp_[a-z]{5}_/g;
const COUNTER = /_\d{5}_(?=\.|$)/g;

/** What differs between two runs of the same server: ids and random names. Recorded to replayed. */
export class Names {
  private readonly known = new Map<string, string>();

  bind(recorded: string, replayed: string): void {
    this.known.set(recorded, replayed);
  }

  /** A recorded text with the names of the replay. */
  translate(text: string): string {
    const swap = (name: string): string => this.known.get(name) ?? name;
    return text.replace(UUID, swap).replace(TEMP_NAME, swap);
  }

  /** Binds every name that stands at the same place in both and is not bound yet. */
  learn(recorded: unknown, replayed: unknown): void {
    if (typeof recorded === 'string' && typeof replayed === 'string') {
      for (const pattern of [UUID, TEMP_NAME]) {
        const found = replayed.match(pattern) ?? [];
        for (const [index, name] of (recorded.match(pattern) ?? []).entries()) {
          const other = found[index];
          if (other !== undefined && !this.known.has(name)) this.known.set(name, other);
        }
      }
    } else if (Array.isArray(recorded) && Array.isArray(replayed)) {
      for (const [index, item] of recorded.entries()) this.learn(item, replayed[index]);
    } else if (isRecord(recorded) && isRecord(replayed)) {
      const others = Object.entries(replayed);
      for (const [index, [key, value]] of Object.entries(recorded).entries()) {
        const other = others[index];
        if (other === undefined) continue;
        this.learn(key, other[0]);
        this.learn(value, replayed[this.translate(key)]);
      }
    }
  }
}

export interface NormalFormOptions {
  /** Numbers in file names count from what was in the folder before the recording began. */
  readonly keepCounters: boolean;
  /** Lists and members are compared without their order. */
  readonly isUnordered?: boolean;
}

/** Replaces what may differ: times, tracebacks, printed tensors, folders of the machine. */
export function normalForm(value: unknown, options: NormalFormOptions, key = ''): unknown {
  if (typeof value === 'number') return TIMES.includes(key) ? '<time>' : Number.isNaN(value) ? 'NaN' : value;
  if (typeof value === 'string') return normalText(value, options);
  if (Array.isArray(value)) {
    if (key === 'traceback') return ['<traceback>'];
    const items = value.map((item) => normalForm(item, options));
    // Python's sets: their order differs from run to run.
    return options.isUnordered === true || SETS.includes(key) ? items.sort(byText) : items;
  }
  if (!isRecord(value)) return value;
  const members = Object.entries(value);
  if (options.isUnordered === true) members.sort(byText);
  return orderedRecord(
    members.map(([name, member]): [string, unknown] => {
      if (key === 'current_inputs') return [name, ['<value>']];
      return [normalText(name, options), normalForm(member, options, name)];
    }),
  );
}

const byText = (a: unknown, b: unknown): number => ((JSON.stringify(a) ?? '') < (JSON.stringify(b) ?? '') ? -1 : 1);

function normalText(text: string, { keepCounters }: NormalFormOptions): string {
  const plain = text.replace(/(?<=: |\n {0,9})\/[\w./-]*(?=\n|$)/g, '<path>');
  return keepCounters ? plain : plain.replace(COUNTER, '_#####_');
}

/** Whether the length of the text depends on what the normal form replaces. */
export const hasVaryingLength = (text: string): boolean =>
  /"traceback"|"current_inputs"|output_dir|"devices"/.test(text);

/** Paths at which two values differ, with both sides. */
export function differences(recorded: unknown, replayed: unknown, path = '$'): string[] {
  if (Object.is(recorded, replayed)) return [];
  if (Array.isArray(recorded) && Array.isArray(replayed)) {
    const length = Math.max(recorded.length, replayed.length);
    return Array.from({ length }, (_, index) =>
      differences(recorded[index], replayed[index], `${path}[${index}]`),
    ).flat();
  }
  if (isRecord(recorded) && isRecord(replayed)) {
    const keys = new Set([...Object.keys(recorded), ...Object.keys(replayed)]);
    const orders = [Object.keys(recorded).join(), Object.keys(replayed).join()];
    if (
      keys.size === Object.keys(recorded).length &&
      keys.size === Object.keys(replayed).length &&
      orders[0] !== orders[1]
    ) {
      return [`${path}: recorded order ${orders[0]}, replayed ${orders[1]}`];
    }
    return [...keys].flatMap((key) => differences(recorded[key], replayed[key], `${path}.${key}`));
  }
  return [`${path}: recorded ${show(recorded)}, replayed ${show(replayed)}`];
}

const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);
