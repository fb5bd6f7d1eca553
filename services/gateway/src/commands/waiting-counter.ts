/** A read-model that does not answer within this is away: a request for a job must not wait for a PostgreSQL that hangs. */
const COUNT_LIMIT_MS = 1_000;

/** How many jobs wait, as far as the read-model has read. */
export interface WaitingCount {
  /** Need not count beyond the limit. */
  readonly count: number;
  /** Position in the log of the last event that it knows. */
  readonly position: number;
}

/** Jobs of the studio, or of the project of an id, that wait. */
export type CountWaiting = (limit: number, projectId?: string) => Promise<WaitingCount>;

/**
 * Asks the read-model how many jobs wait, for all limits of a gateway one after the other: a PostgreSQL that hangs then holds
 * one connection, and after a second everybody knows of it.
 */
export class WaitingCounter {
  readonly #countWaiting: CountWaiting;
  #turn: Promise<unknown> = Promise.resolve();
  /** A count was given up that the read-model has not answered: it is away until then. */
  #hanging = false;

  constructor(countWaiting: CountWaiting) {
    this.#countWaiting = countWaiting;
  }

  /** @returns undefined when the read-model is away */
  count(limit: number, projectId?: string): Promise<WaitingCount | undefined> {
    const counted = this.#turn.then(() => this.#ask(limit, projectId));
    this.#turn = counted;
    return counted;
  }

  async #ask(limit: number, projectId: string | undefined): Promise<WaitingCount | undefined> {
    if (this.#hanging) return undefined;
    const asked = this.#countWaiting(limit, projectId).catch(() => undefined);
    const { promise: late, resolve } = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => {
      this.#hanging = true;
      void asked.then(() => (this.#hanging = false));
      resolve(undefined);
    }, COUNT_LIMIT_MS);
    try {
      return await Promise.race([asked, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
