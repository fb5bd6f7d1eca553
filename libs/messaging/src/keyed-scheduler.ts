/** Runs the work that counts against the concurrency; a task may call it more than once, waiting in between. */
export type Slot = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * Tasks of one key run one after the other in the order of submission; tasks of different keys side by side. At most
 * `concurrency` pieces of work (what runs inside a `slot`) run at any time, given out first come first served.
 */
export class KeyedScheduler {
  readonly #concurrency: number;
  /** The end of each key's chain, present while the key has tasks. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(concurrency: number) {
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new RangeError(`concurrency must be at least 1, not ${concurrency}`);
    this.#concurrency = concurrency;
  }

  /**
   * @param key undefined = in no order
   * @returns when the task has ended, with its error if it threw; the key's next task runs in either case
   */
  async submit(key: string | undefined, task: (slot: Slot) => Promise<void>): Promise<void> {
    if (key === undefined) return task(this.#slot);
    const before = this.#tails.get(key);
    const run = before === undefined ? task(this.#slot) : before.then(() => task(this.#slot));
    const tail = run.then(
      () => undefined,
      () => undefined,
    );
    this.#tails.set(key, tail);
    try {
      await run;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  readonly #slot: Slot = async (work) => {
    if (this.#running >= this.#concurrency) {
      const { promise: turn, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await turn; // the one who left handed its place over, so the count stands
    } else {
      this.#running += 1;
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  };
}
