import { Instant, Uuid } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import { z } from 'zod';

/** The last row of a page, in a list that is sorted by a time and an id; the next page begins behind it. */
export const TimeCursor = z.strictObject({ at: Instant, id: Uuid });

/** The last entry of a page of what stands at a place in the log, newest first. */
export const PositionCursor = z.strictObject({ position: z.int().min(1) });

/** A place in a list as an opaque word for URLs: base64url of JSON. */
export function encodeCursor<S extends z.ZodType>(_: S, cursor: z.infer<S>): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/**
 * Reads what `encodeCursor` wrote.
 * @throws ProblemError 'bad-cursor' for anything else
 */
export function decodeCursor<S extends z.ZodType>(schema: S, text: string): z.infer<S> {
  const cursor = schema.safeParse(parseJson(Buffer.from(text, 'base64url').toString()));
  if (!cursor.success || encodeCursor(schema, cursor.data) !== text) {
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
