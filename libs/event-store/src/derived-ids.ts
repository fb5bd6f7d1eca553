import { v5 } from 'uuid';

/** UUIDv5 of `urn:anime` in the URL namespace: the parent of studios. */
const ANIME_NAMESPACE = v5('urn:anime', v5.URL);

/**
 * The id of something that follows from something else (RFC 9562, version 5), so that a repeat has the same id.
 * @param parent a lower-case UUID
 * @param parts joined by `/`; kind first, e.g. `deriveId(job, 'attempt', '2')`
 */
export function deriveId(parent: string, ...parts: string[]): string {
  return v5(parts.join('/'), parent);
}

/** Id of a studio from its slug. */
export function studioId(studio: string): string {
  return deriveId(ANIME_NAMESPACE, 'studio', studio);
}

/** Id under which an attempt of a job is given to ComfyUI. */
export function promptIdOf(jobId: string, attempt: number): string {
  return deriveId(jobId, 'attempt', String(attempt));
}

/** Id of the executor of this name; the server's address is not part of it. */
export function executorIdOf(studio: string, name: string): string {
  return deriveId(studioId(studio), 'executor', name);
}

/** Id of the workflow template of this slug. */
export function workflowIdOf(studio: string, slug: string): string {
  return deriveId(studioId(studio), 'workflow', slug);
}

/** Id of the studio's one scheduler, the aggregate of the terms. */
export function schedulerIdOf(studio: string): string {
  return deriveId(studioId(studio), 'scheduler');
}

/** Id of the dead letter of an event that a consumer gave up. */
export function deadLetterIdOf(consumer: string, eventId: string): string {
  return deriveId(eventId, 'dead-letter', consumer);
}

/** Id of the project of this slug. */
export function projectIdOf(studio: string, slug: string): string {
  return deriveId(studioId(studio), 'project', slug);
}
