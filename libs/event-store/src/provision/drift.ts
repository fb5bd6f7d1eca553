import type { FieldError } from '@anime/problem-details';

/** Settings whose unit is nanoseconds on the wire; shown in seconds. */
const NANOSECONDS = new Set(['max_age', 'duplicate_window', 'ack_wait', 'inactive_threshold', 'max_expires']);
/** Prose, free to change. */
const NOT_COMPARED = new Set(['name', 'durable_name', 'description']);

/**
 * Every setting in which what is there differs from what is needed, with both values. A setting that the server leaves
 * out of its answer has the empty value of its kind. What is not named in `needed` is not compared.
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
  return isEmpty(needed) ? isEmpty(found) : JSON.stringify(needed) === JSON.stringify(found);
}

/** What the server leaves out of an answer, or gives so: `undefined`, `null`, `false`, `0`, `''`, `[]` and `{}` are one. */
function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null ? Object.keys(value).length === 0 : !value;
}

function show(setting: string, value: unknown): string {
  if (typeof value === 'number' && NANOSECONDS.has(setting)) return `${value / 1e9} s`;
  return value === undefined || value === null ? 'not set' : JSON.stringify(value);
}
