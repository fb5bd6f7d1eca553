import { ProblemError } from '@anime/problem-details';

/** For so long a count is good; the jobs that this gateway adds meanwhile are counted by itself. */
const FRESH_MS = 1_000;
/** Seconds after which a refused request is worth sending again. */
const RETRY_AFTER = 30;

export interface QueueLimitOptions {
  /** Jobs that may wait. */
  readonly limit: number;
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
  #countedAt: number | undefined;
  #counting: Promise<void> | undefined;

  constructor(options: QueueLimitOptions) {
    this.#options = options;
  }

  /** To be called before a job is stored. @throws ProblemError `queue-full` */
  async admit(): Promise<void> {
    const { limit, clock } = this.#options;
    if (this.#countedAt === undefined) await this.#count();
    // A request need not wait for a newer count; at the limit the newest is asked for before anybody is refused.
    else if (clock() - this.#countedAt >= FRESH_MS) void this.#count();
    if (this.#waiting >= limit) await this.#count();
    if (this.#waiting >= limit) {
      throw new ProblemError('queue-full', `${limit} jobs wait already: send it again when some of them are done`, {
        retryAfter: RETRY_AFTER,
      });
    }
    this.#waiting += 1;
  }

  #count(): Promise<void> {
    const { countWaiting, limit, clock } = this.#options;
    this.#counting ??= countWaiting(limit)
      .then(
        (waiting) => (this.#waiting = waiting),
        () => (this.#waiting = 0),
      )
      .then(() => {
        this.#countedAt = clock();
        this.#counting = undefined;
      });
    return this.#counting;
  }
}
