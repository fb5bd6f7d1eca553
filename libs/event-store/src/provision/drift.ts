import type { FieldError } from '@anime/problem-details';

/** Settings whose unit is nanoseconds on the wire; shown in seconds. */
const NANOSECONDS = new Set(['max_age', 'duplicate_window', 'ack_wait']);
/** Prose, free to change. */
const NOT_COMPARED = new Set(['name', 'durable_name', 'description']);

/**
 * Every setting in which what is there differs from what is needed, with both values. A setting that the server leaves
 * out of its answer has the empty value of its kind.
 * @param thing how to call it, e.g. `stream ANIME_EVENTS`
 */
export function drift(thing: string, needed: object, found: object): FieldError[] {
  const actual = new Map<string, unknown>(Object.entries(found));
  return Object.entries(needed)
    .filter(([setting, value]) => !NOT_COMPARED.has(setting) && !same(value, actual.get(setting)))
    .map(([setting, value]) => ({
      path: `${thing}/${setting}`,
      message: `${thing}: ${setting} is ${show(setting, actual.get(setting))}, needed is ${show(setting, value)}`,
    }));
}

function same(needed: unknown, found: unknown): boolean {
  if (found === undefined) return needed === false || needed === 0 || needed === '';
  return JSON.stringify(needed) === JSON.stringify(found);
}

function show(setting: string, value: unknown): string {
  if (typeof value === 'number' && NANOSECONDS.has(setting)) return `${value / 1e9} s`;
  return value === undefined ? 'not set' : JSON.stringify(value);
}
