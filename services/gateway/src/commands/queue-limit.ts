import { ProblemError } from '@anime/problem-details';
import { RecentJobs, type StoredJob } from './recent-jobs.js';
import type { WaitingCount } from './waiting-counter.js';

/** No job is admitted on a count that began longer ago; the jobs that this gateway adds meanwhile are counted by itself. */
const FRESH_MS = 1_000;
/**
 * For so long a job counts that the read-model has not come to: it may have ended long ago. The jobs that a read-model which
 * stands still did count are counted on, as here nobody knows whether they ended: a refusal says how long it has stood.
 */
const UNSEEN_MS = 60_000;
/** Seconds after which a refused request is worth sending again. */
const RETRY_AFTER = 30;

export interface QueueLimitOptions {
  /** Jobs that may wait. */
  readonly limit: number;
  /** The project whose jobs are meant; all jobs when absent. */
  readonly project?: string;
  /** Undefined when the read-model is away. */
  readonly countWaiting: (limit: number) => Promise<WaitingCount | undefined>;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/** What storing a job tells of it. */
export type Stored = Pick<StoredJob, 'position'>;

/**
 * Refuses new jobs while too many wait: those that the read-model counts, and those of this gateway that it has not
 * come to. So one gateway admits exactly as many as may wait; of several, each may admit what the others have added that
 * its last count does not show yet, and a job whose append was not acknowledged counts once it shows there. While the
 * read-model is away nothing is refused, as a job that is accepted is safe.
 */
export class QueueLimit {
  readonly #options: QueueLimitOptions;
  #limit: number;
  /** Undefined before the first count, and while the read-model is away. */
  #counted: WaitingCount | undefined;
  /** When the last count began. */
  #countedAt: number | undefined;
  #counting: Promise<void> | undefined;
  /** Where the read-model stands, and since when that is known. */
  #standing: { readonly position: number; readonly since: number } | undefined;
  /** Requests that are being decided or stored. */
  #asking = 0;
  /** Admitted jobs that are being stored: whether the count knows them is not known. */
  readonly #underWay = new Set<Promise<Stored>>();
  /** The count does not know those behind it. A crash of PostgreSQL may set it back, so those that it knows are kept, too. */
  readonly #recent = new RecentJobs();

  /** @param recent Jobs stored before that the read-model may not have come to */
  constructor(options: QueueLimitOptions, recent: readonly StoredJob[] = []) {
    this.#options = options;
    this.#limit = options.limit;
    for (const job of recent) this.#recent.add(job);
  }

  /** Whether requests are being decided by it. */
  get inUse(): boolean {
    return this.#asking > 0;
  }

  /** Jobs of a project that were stored a short while ago. */
  recentOf(project: string): readonly StoredJob[] {
    return this.#recent.ofProject(project);
  }

  /** From now on so many may wait. */
  changeLimit(limit: number): void {
    this.#limit = limit;
  }

  /** A job of those that it limits is stored, whether it admitted it or not. To be told before `store` of `admit` resolves. */
  remember(job: StoredJob): void {
    this.#recent.add(job);
  }

  /**
   * Stores a job when there is room for it. One that could not be stored leaves its room to others.
   * @throws ProblemError `queue-full`, and what `store` throws
   */
  async admit<Result extends Stored>(store: () => Promise<Result>): Promise<Result> {
    this.#asking += 1;
    try {
      return await this.#storeInRoom(store);
    } finally {
      this.#asking -= 1;
    }
  }

  async #storeInRoom<Result extends Stored>(store: () => Promise<Result>): Promise<Result> {
    if (this.#isStale()) await this.#count();
    // At the limit the newest count is asked for before anybody is refused.
    if (this.#isFull()) {
      const begunBefore = this.#counting !== undefined;
      await this.#count();
      if (begunBefore && this.#isFull()) await this.#count();
    }
    while (this.#isFull()) {
      if (this.#isFullOfStored()) throw this.#full();
      // Some may be both counted and under way, or fail: how they end tells. That may take its time.
      await Promise.allSettled(this.#underWay);
      if (this.#isStale()) await this.#count();
    }
    // Nothing may be awaited since the last look.
    const storing = store().finally(() => this.#underWay.delete(storing));
    this.#underWay.add(storing);
    return storing;
  }

  #isStale(): boolean {
    return this.#countedAt === undefined || this.#options.clock() - this.#countedAt >= FRESH_MS;
  }

  #isFull(): boolean {
    return this.#holds(this.#underWay.size);
  }

  #isFullOfStored(): boolean {
    return this.#holds(0);
  }

  #holds(underWay: number): boolean {
    return (
      this.#counted !== undefined &&
      this.#counted.count + this.#recent.behind(this.#counted.position) + underWay >= this.#limit
    );
  }

  /** One count at a time, for all who wait for one. */
  #count(): Promise<void> {
    this.#counting ??= this.#takeCount().finally(() => (this.#counting = undefined));
    return this.#counting;
  }

  async #takeCount(): Promise<void> {
    const { clock, countWaiting } = this.#options;
    const limit = this.#limit;
    const begun = clock();
    const counted = await countWaiting(limit);
    this.#countedAt = begun;
    if (counted === undefined) {
      this.#counted = undefined;
    } else {
      const { count, position } = counted;
      // A count that ended at its limit tells nothing of a higher one, which may be set by now.
      this.#counted = { count: count < limit ? count : Infinity, position };
      if (this.#standing?.position !== position) this.#standing = { position, since: begun };
    }
    this.#recent.forgetUntil(clock() - UNSEEN_MS);
  }

  #full(): ProblemError {
    const { project, clock } = this.#options;
    const jobs = project === undefined ? 'jobs' : `jobs of the project ${project}`;
    const stood = this.#standing === undefined ? 0 : clock() - this.#standing.since;
    // That may be a queue in which nothing happens, or a read-model that does not see it: here nobody knows which.
    const standing =
      stood < UNSEEN_MS
        ? ''
        : `; the read-model that tells so has stood at position ${this.#standing?.position} for ${Math.floor(stood / 1_000)} s: if jobs ended meanwhile, it must run again first`;
    return new ProblemError(
      'queue-full',
      `${this.#limit} ${jobs} wait already: send it again when some of them are done${standing}`,
      { retryAfter: RETRY_AFTER },
    );
  }
}
