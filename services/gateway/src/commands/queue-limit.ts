import type { ProjectSettings } from '@anime/contracts';
import { ProblemError } from '@anime/problem-details';

/** For so long a count is good; the jobs that this gateway adds meanwhile are counted by itself. */
const FRESH_MS = 1_000;
/**
 * For so long a job counts that the read-model has not come to. One that stands still for longer must not keep new jobs
 * out: those that it does not know may have ended long ago.
 */
const UNSEEN_MS = 60_000;
/** Seconds after which a refused request is worth sending again. */
const RETRY_AFTER = 30;

/** How many jobs wait, as far as the read-model has read. */
export interface WaitingCount {
  /** Need not count beyond the limit. */
  readonly count: number;
  /** Position in the log of the last event that it knows. */
  readonly position: number;
}

export interface QueueLimitOptions {
  /** Jobs that may wait. */
  readonly limit: number;
  /** The project whose jobs are meant; all jobs when absent. */
  readonly project?: string;
  readonly countWaiting: (limit: number) => Promise<WaitingCount>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** What storing a job tells of it. */
interface Stored {
  readonly position: number;
}

/**
 * Refuses new jobs while too many wait: those that the read-model counts, and those of this gateway that it has not
 * come to. So one gateway admits exactly as many as may wait; of several, each may admit what the others have added that the
 * read-model does not show yet, and a job whose append was not acknowledged counts once it shows there. While the read-model is away nothing is refused, as a job that is accepted is safe.
 */
export class QueueLimit {
  readonly #options: QueueLimitOptions;
  #limit: number;
  /** Undefined before the first count, and while the read-model is away. */
  #counted: WaitingCount | undefined;
  #countedAt: number | undefined;
  #counting: Promise<void> | undefined;
  /** Admitted jobs that are being stored: whether the count knows them is not known. */
  readonly #underWay = new Set<Promise<Stored>>();
  /** Stored ones that the count does not know. */
  #unseen: { readonly position: number; readonly at: number }[] = [];

  constructor(options: QueueLimitOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  /** From now on so many may wait. */
  changeLimit(limit: number): void {
    this.#limit = limit;
  }

  /**
   * Stores a job when there is room for it. One that could not be stored leaves its room to others.
   * @throws ProblemError `queue-full`, and what `store` throws
   */
  async admit<Result extends Stored>(store: () => Promise<Result>): Promise<Result> {
    const { clock } = this.#options;
    if (this.#countedAt === undefined) await this.#count();
    // A request need not wait for a newer count; at the limit the newest is asked for before anybody is refused.
    else if (clock() - this.#countedAt >= FRESH_MS) void this.#count();
    if (this.#isFull()) {
      const begunBefore = this.#counting !== undefined;
      await this.#count();
      if (begunBefore && this.#isFull()) await this.#count();
    }
    // Some may be both counted and under way: where they are stored tells.
    if (this.#isFull() && !this.#isFullOfStored()) await Promise.allSettled(this.#underWay);
    if (this.#isFull()) throw this.#full();
    // Nothing may be awaited since the last look.
    const storing = this.#remembering(store()).finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
    return storing;
  }

  async #remembering<Result extends Stored>(storing: Promise<Result>): Promise<Result> {
    const stored = await storing;
    const at = this.#options.clock();
    if (this.#counted === undefined || stored.position > this.#counted.position)
      this.#unseen.push({ position: stored.position, at });
    return stored;
  }

  #isFull(): boolean {
    return this.#holds(this.#underWay.size);
  }

  #isFullOfStored(): boolean {
    return this.#holds(0);
  }

  #holds(underWay: number): boolean {
    return this.#counted !== undefined && this.#counted.count + this.#unseen.length + underWay >= this.#limit;
  }

  #count(): Promise<void> {
    const { countWaiting, clock } = this.#options;
    const limit = this.#limit;
    this.#counting ??= countWaiting(limit)
      // A count that ended at its limit tells nothing of a higher one, which may be set by now.
      .then(({ count, position }) => ({ count: count < limit ? count : Infinity, position }))
      .catch(() => undefined)
      .then((counted) => {
        const now = clock();
        const position = counted?.position ?? 0;
        this.#counted = counted;
        this.#countedAt = now;
        this.#counting = undefined;
        this.#unseen = this.#unseen.filter((job) => job.position > position && now - job.at < UNSEEN_MS);
      });
    return this.#counting;
  }

  #full(): ProblemError {
    const { project } = this.#options;
    const jobs = project === undefined ? 'jobs' : `jobs of the project ${project}`;
    return new ProblemError(
      'queue-full',
      `${this.#limit} ${jobs} wait already: send it again when some of them are done`,
      {
        retryAfter: RETRY_AFTER,
      },
    );
  }
}

export interface QueueLimitsOptions {
  /** Jobs of the whole studio that may wait. */
  readonly limit: number;
  /** As of `QueueLimitOptions`; of one project when its id is given. */
  readonly countWaiting: (limit: number, projectId?: string) => Promise<WaitingCount>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** The studio's limit of waiting jobs, and those that projects set for their own. */
export class QueueLimits {
  readonly #options: QueueLimitsOptions;
  readonly #studio: QueueLimit;
  /** By id of the project. */
  readonly #projects = new Map<string, QueueLimit>();

  constructor(options: QueueLimitsOptions) {
    this.#options = options;
    this.#studio = new QueueLimit(options);
  }

  /**
   * Stores a job when its project and the studio have room for it.
   * @throws ProblemError `queue-full`, and what `store` throws
   */
  admit<Result extends Stored>(project: ProjectLimit | undefined, store: () => Promise<Result>): Promise<Result> {
    if (project?.settings.waitingLimit === undefined) return this.#studio.admit(store);
    return this.#of(project, project.settings.waitingLimit).admit(() => this.#studio.admit(store));
  }

  #of({ id, slug }: ProjectLimit, limit: number): QueueLimit {
    const known = this.#projects.get(id);
    if (known !== undefined) {
      known.changeLimit(limit);
      return known;
    }
    const { countWaiting, clock } = this.#options;
    const queue = new QueueLimit({ limit, project: slug, countWaiting: (most) => countWaiting(most, id), clock });
    this.#projects.set(id, queue);
    return queue;
  }
}

/** What of a project tells how many of its jobs may wait. */
export interface ProjectLimit {
  readonly id: string;
  readonly slug: string;
  readonly settings: Pick<ProjectSettings, 'waitingLimit'>;
}
