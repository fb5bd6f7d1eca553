import { Instant, Uuid } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import { z } from 'zod';

/** The last row of a page, in a list that is sorted by a time and an id; the next page begins behind it. */
const Cursor = z.strictObject({ at: Instant, id: Uuid });
export type Cursor = z.infer<typeof Cursor>;

/** A place in the list as an opaque word for URLs: base64url of JSON. */
export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/**
 * Reads what `encodeCursor` wrote.
 * @throws ProblemError 'bad-cursor' for anything else
 */
export function decodeCursor(text: string): Cursor {
  const cursor = Cursor.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
  if (!cursor.success || encodeCursor(cursor.data) !== text) {
    const error = { path: 'query/cursor', message: 'must be the nextCursor of an earlier answer' };
    throw new ProblemError('bad-cursor', 'The cursor was not made by this list.', { errors: [error] });
  }
  return cursor.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
