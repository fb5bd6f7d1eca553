import { z } from 'zod';
import { Slug, Uuid, Word } from './primitives.js';
import { TemplateReference } from './template-manifest.js';

/** Longest title of a project, in UTF-16 units. */
export const PROJECT_TITLE_LIMIT = 200;

/** As the first versions of the project's events have them. */
export const ProjectSettingsV1 = z.strictObject({
  checkpoint: Word.optional(),
  imageTemplate: TemplateReference.optional(),
  videoTemplate: TemplateReference.optional(),
  negativePrompt: z.string().optional(),
  /** So many of its jobs may wait. */
  waitingLimit: z.int().min(1).optional(),
});

/** Bounds of one job; what is absent is as in the rest of the studio. */
export const JobLimits = z.strictObject({
  /** So many attempts may fail until it does; those that an executor declined, or that were lost with it, do not count. */
  maxAttempts: z.int().min(1).max(20).optional(),
  /** So long one attempt may take on the server, in seconds. */
  maxRunSeconds: z.int().min(1).max(604_800).optional(),
});
export type JobLimits = z.infer<typeof JobLimits>;

/** What the jobs of a project get where their request does not say; what is absent is as in the rest of the studio. */
export const ProjectSettings = z.strictObject({
  ...ProjectSettingsV1.shape,
  /** So many of its jobs may be with executors at a time. */
  runningLimit: z.int().min(1).optional(),
  ...JobLimits.shape,
});
export type ProjectSettings = z.infer<typeof ProjectSettings>;

/** The project that a job belongs to. `slug` is null in jobs that were asked for before projects had one. */
export const ProjectOfJob = z.strictObject({ id: Uuid, slug: Slug.nullable() });
export type ProjectOfJob = z.infer<typeof ProjectOfJob>;

/** Folders of the library that are no project's, and names that no folder can have on Windows. */
const RESERVED_SLUGS: ReadonlySet<string> = new Set([
  'unorganized',
  'con',
  'prn',
  'aux',
  'nul',
  ...Array.from({ length: 10 }, (_, n) => [`com${n}`, `lpt${n}`]).flat(),
]);

/** Why a new project may not have this slug though it has the right form; undefined when it may. */
export function slugFault(slug: string): string | undefined {
  if (RESERVED_SLUGS.has(slug)) return `must not be ${slug}: the library cannot have a project's folder of that name`;
  if (Uuid.safeParse(slug).success) return 'must not look like an id';
  return undefined;
}
