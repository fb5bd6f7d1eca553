import { z } from 'zod';
import { Slug, Uuid } from '../values/primitives.js';

/**
 * Text that every store can hold: PostgreSQL takes neither NUL nor half a surrogate pair, so such a text must stop at
 * the door, not in the projection of an event that can no longer be taken back.
 */
export const PlainText = z
  .string()
  .regex(/^[^\u0000\uD800-\uDFFF]*$/u, 'must not hold the character NUL or half of a surrogate pair');

/** Longest prompt, in UTF-16 units. */
export const PROMPT_LIMIT = 20_000;
export const NegativePrompt = PlainText.max(PROMPT_LIMIT);

/** A name that ComfyUI gives to something. */
export const Name = PlainText.min(1).max(255);

/** How callers name a project. An id has the form of a slug, and no project's slug has that of an id. */
export const ProjectName = Slug.meta({ description: 'slug or id of a project' });

/** A place in the event log: its first event is 1; 0 stands before it. */
export const Position = z.int().min(0).meta({ description: 'place in the event log' });

/** Personal text as a reader gets it: opened at the gateway's door, the only place where it is in the clear. */
export const SealedText = z
  .strictObject({
    subject: Uuid.meta({ description: 'whose key sealed it' }),
    text: z.string().nullable(),
    unavailable: z.enum(['key-gone', 'key-unreachable', 'damaged']).nullable().meta({
      description:
        'why there is no text: its key was erased or lost; its key cannot be read just now; it or its key was changed',
    }),
  })
  .meta({ id: 'SealedText' });
export type SealedText = z.infer<typeof SealedText>;

/** A number in a query string, where everything arrives as text. */
export function queryNumber<S extends z.ZodNumber>(schema: S) {
  return z.preprocess((given) => (isNumeral(given) ? Number(given) : given), schema);
}

/** A list in a query string: repeated (`?a=1&a=2`), or with commas (`?a=1,2`), or both. */
export function queryList<S extends z.ZodType>(item: S) {
  return z.preprocess(
    (given) =>
      given === undefined
        ? given
        : [given].flat().flatMap((part) => (typeof part === 'string' ? part.split(',') : [part])),
    z.array(item).min(1),
  );
}

function isNumeral(given: unknown): given is string {
  return typeof given === 'string' && /^-?\d+(\.\d+)?$/.test(given);
}
