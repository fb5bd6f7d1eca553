import { z } from 'zod';

export type JsonValue = string | number | boolean | null | JsonValue[] | { [key: string]: JsonValue };

/** Any value in a body that `parseServerJson` has read, and so is JSON already. */
export const AnyJson = z.custom<JsonValue>(() => true);

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
    return JSON.parse(withoutBareNumbers(text));
  }
}

/**
 * Skips each string whole, so that a NaN inside a prompt's text stays text. One pass with `indexOf`: a pattern for whole strings
 * keeps a place to go back to for each character, and ends as a RangeError on one of some megabytes.
 */
function withoutBareNumbers(text: string): string {
  const token = /"|-?\bInfinity\b|\bNaN\b/g;
  const pieces: string[] = [];
  let copied = 0;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === '"') {
      token.lastIndex = endOfString(text, found.index);
    } else {
      pieces.push(text.slice(copied, found.index), 'null');
      copied = token.lastIndex;
    }
  }
  return pieces.join('') + text.slice(copied);
}

/** @returns the place behind the closing quote of the string that opens at `start`, or the end of the text */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}
