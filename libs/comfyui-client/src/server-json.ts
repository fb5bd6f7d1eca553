import { z } from 'zod';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Any value in a body that `parseServerJson` has read, and so is JSON already. */
export const AnyJson = z.custom<JsonValue>(() => true);

/** Strings first, so that a NaN inside a prompt's text stays text. */
const STRING_OR_BARE_NUMBER = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;

/**
 * Parses a body written by Python's `json`, which knows bare `NaN` and `Infinity` where JSON does not; both become null
 * (contract §1.4, 23).
 * @throws SyntaxError when it is not JSON beyond that
 */
export function parseServerJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    return JSON.parse(text.replace(STRING_OR_BARE_NUMBER, (found) => (found.startsWith('"') ? found : 'null')));
  }
}
