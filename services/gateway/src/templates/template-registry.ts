import type { JobType, TemplateManifest } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';
import type { WorkflowEvent } from '../domain/workflow/workflow.evolve.js';

/** The template of a request that names none, by what it asks for. */
export const DEFAULT_TEMPLATES: Readonly<Record<JobType, string>> = {
  image: 'text-to-image',
  video: 'text-to-animation',
};

/** How long a request waits for a template that may still stand further on in the log. */
const CATCH_UP_MS = 2_000;

/**
 * The templates that jobs may name: an in-memory fold of the log's `workflow.registered`, so that requests are accepted
 * while PostgreSQL is away. Events may come twice and in any order.
 */
export class TemplateRegistry {
  readonly #versions = new Map<string, Map<number, TemplateManifest>>();
  readonly #waiting = new Set<() => void>();
  #caughtUp = false;

  /** Takes in a registration. The first of a version stays. */
  add(event: Pick<WorkflowEvent, 'data'>): void {
    const { slug, version, manifest } = event.data;
    const versions = this.#versions.get(slug) ?? new Map<number, TemplateManifest>();
    if (!versions.has(version)) versions.set(version, manifest);
    this.#versions.set(slug, versions);
    this.#wake();
  }

  /** Forgets everything: the log is read from its beginning, and may be another one. */
  restart(): void {
    this.#versions.clear();
    this.#caughtUp = false;
  }

  /** From now on a template that is not here does not exist. */
  markCaughtUp(): void {
    this.#caughtUp = true;
    this.#wake();
  }

  /** Every version as `slug@version`. */
  known(): readonly string[] {
    return [...this.#versions]
      .flatMap(([slug, versions]) => [...versions.keys()].map((version) => `${slug}@${version}`))
      .sort();
  }

  /**
   * The manifest that a reference (`slug` or `slug@version`) means; without version the newest.
   * @param path where the request names it
   * @throws ProblemError `template-not-found` naming what there is; `parameter-invalid` when it makes something else;
   * `log-unavailable` while the log has not been read far enough to know
   */
  async resolve(reference: string | undefined, type: JobType, path = '/template'): Promise<TemplateManifest> {
    const name = reference ?? DEFAULT_TEMPLATES[type];
    const deadline = performance.now() + CATCH_UP_MS;
    let manifest = this.#find(name);
    while (manifest === undefined && !this.#caughtUp && performance.now() < deadline) {
      await this.#change(deadline - performance.now());
      manifest = this.#find(name);
    }
    if (manifest === undefined && !this.#caughtUp) {
      throw new ProblemError('log-unavailable', 'the templates have not been read from the log yet', { retryAfter: 2 });
    }
    if (manifest === undefined) {
      const known = this.known();
      throw new ProblemError('template-not-found', `there is no template ${name}`, {
        errors: [
          {
            path,
            message: known.length === 0 ? 'no template is registered' : `must be one of ${known.join(', ')}`,
          },
        ],
      });
    }
    if (manifest.kind !== type) {
      throw new ProblemError(
        'parameter-invalid',
        `${manifest.id}@${manifest.version} makes ${named(manifest.kind)}, not ${named(type)}`,
        {
          errors: [{ path, message: `must be a template that makes ${named(type)}` }],
        },
      );
    }
    return manifest;
  }

  #find(reference: string): TemplateManifest | undefined {
    const [slug = '', version] = reference.split('@');
    const versions = this.#versions.get(slug);
    if (versions === undefined) return undefined;
    return versions.get(version === undefined ? Math.max(...versions.keys()) : Number(version));
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, timeoutMs);
      this.#waiting.add(settle);
    });
  }
}

function named(type: JobType): string {
  return type === 'image' ? 'an image' : 'a video';
}
