import type { ProjectSettings } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';

/** For so long a count is good; the jobs that this gateway adds meanwhile are counted by itself. */
const FRESH_MS = 1_000;
/** Seconds after which a refused request is worth sending again. */
const RETRY_AFTER = 30;

export interface QueueLimitOptions {
  /** Jobs that may wait. */
  readonly limit: number;
  /** The project whose jobs are meant; all jobs when absent. */
  readonly project?: string;
  /** How many wait now, as far as the read-model has read; need not count beyond `limit`. */
  readonly countWaiting: (limit: number) => Promise<number>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/**
 * Refuses new jobs while too many wait. About: what other gateways added in the last second is not counted, and while
 * the read-model is away nothing is refused, as a job that is accepted is safe.
 */
export class QueueLimit {
  readonly #options: QueueLimitOptions;
  #waiting = 0;
  /** Admitted since the count that is under way began: it may not have seen them. */
  #since = 0;
  #countedAt: number | undefined;
  #counting: Promise<void> | undefined;

  constructor(options: QueueLimitOptions) {
    this.#options = options;
  }

  /** To be called before a job is stored. @throws ProblemError `queue-full` */
  async admit(): Promise<void> {
    const { limit, project, clock } = this.#options;
    if (this.#countedAt === undefined) await this.#count();
    // A request need not wait for a newer count; at the limit the newest is asked for before anybody is refused.
    else if (clock() - this.#countedAt >= FRESH_MS) void this.#count();
    if (this.#waiting >= limit) {
      const begunBefore = this.#counting !== undefined;
      await this.#count();
      if (begunBefore && this.#waiting >= limit) await this.#count();
    }
    if (this.#waiting >= limit) {
      const jobs = project === undefined ? 'jobs' : `jobs of the project ${project}`;
      throw new ProblemError('queue-full', `${limit} ${jobs} wait already: send it again when some of them are done`, {
        retryAfter: RETRY_AFTER,
      });
    }
    this.#waiting += 1;
    this.#since += 1;
  }

  #count(): Promise<void> {
    const { countWaiting, limit, clock } = this.#options;
    if (this.#counting !== undefined) return this.#counting;
    this.#since = 0;
    this.#counting = countWaiting(limit)
      .catch(() => 0)
      .then((waiting) => {
        this.#waiting = waiting + this.#since;
        this.#countedAt = clock();
        this.#counting = undefined;
      });
    return this.#counting;
  }
}

export interface QueueLimitsOptions {
  /** Jobs of the whole studio that may wait. */
  readonly limit: number;
  /** As of `QueueLimitOptions`; of one project when its id is given. */
  readonly countWaiting: (limit: number, projectId?: string) => Promise<number>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** The studio's limit of waiting jobs, and those that projects set for their own. */
export class QueueLimits {
  readonly #options: QueueLimitsOptions;
  readonly #studio: QueueLimit;
  /** By id of the project, with the limit that it had when it was asked for last. */
  readonly #projects = new Map<string, { readonly limit: number; readonly queue: QueueLimit }>();

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
    this.#studio = new QueueLimit(options);
  }

  /** To be called before a job is stored. @throws ProblemError `queue-full` */
  async admit(project?: ProjectLimit): Promise<void> {
    if (project?.settings.waitingLimit !== undefined) await this.#of(project, project.settings.waitingLimit).admit();
    await this.#studio.admit();
  }

  #of({ id, slug }: ProjectLimit, limit: number): QueueLimit {
    const known = this.#projects.get(id);
    if (known?.limit === limit) return known.queue;
    const { countWaiting, clock } = this.#options;
    const queue = new QueueLimit({ limit, project: slug, countWaiting: (most) => countWaiting(most, id), clock });
    this.#projects.set(id, { limit, queue });
    return queue;
  }
}

/** What of a project tells how many of its jobs may wait. */
export interface ProjectLimit {
  readonly id: string;
  readonly slug: string;
  readonly settings: Pick<ProjectSettings, 'waitingLimit'>;
}
