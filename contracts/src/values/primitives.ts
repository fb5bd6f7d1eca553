import { z } from 'zod';

/** A lower-case UUID of any version. */
export const Uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/)
  .meta({ description: 'lower-case UUID' });

/** UTC time with milliseconds, as `Date.prototype.toISOString` writes it, so that text order is time order. */
export const Instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  // The calendar too: no 30th of February, which would be the 2nd of March, no leap second, which is no date.
  .refine((text) => new Date(text).getUTCDate() === Number(text.slice(8, 10)), 'is no instant')
  .meta({ description: 'UTC instant with milliseconds' });

/** SHA-256 in lower-case hex: the name of a blob. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: 'SHA-256, lower-case hex' });

/** An immutable speaking name; ids are derived from it. */
export const Slug = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/)
  .max(64)
  .meta({ description: 'kebab-case name' });

/** What a job makes. */
export const JobType = z.enum(['image', 'video']);
export type JobType = z.infer<typeof JobType>;

/** What one output is: a picture, a picture that moves, a film, sound, or words. */
export const OutputKind = z.enum(['image', 'animation', 'video', 'audio', 'text']);
export type OutputKind = z.infer<typeof OutputKind>;

/** As versions of events have it that were released before there were others. */
export const OutputKindV1 = z.enum(['image', 'animation']);

/** Values that a template's parameter may take. */
export const ParameterValue = z.union([z.string(), z.number(), z.boolean()]);
export type ParameterValue = z.infer<typeof ParameterValue>;
export const Parameters = z.record(z.string(), ParameterValue);
export type Parameters = z.infer<typeof Parameters>;

/** Seeds stay within what JSON and JavaScript carry exactly. */
export const Seed = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The n-th try of a job, from 1. */
export const Attempt = z.int().min(1);

/** Id of a node in a ComfyUI graph: `7`, or `12:3` inside a subgraph. */
export const NodeId = z.string().min(1).max(255);

/** A short word that stands in keys of read-models, e.g. a metric's id or a scorer's build. */
export const Word = z.string().min(1).max(255);
