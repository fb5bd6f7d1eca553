/**
 * How many prompts a server holds at once: the first in line waits here, not in the server's queue, which forgets all
 * of them when it restarts.
 */
export class Slots {
  readonly #size: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  get taken(): number {
    return this.#taken;
  }

  /** True when `take` need not wait. */
  get free(): boolean {
    return this.#taken < this.#size;
  }

  /** Waits for a slot, first come first served. @returns how to give it back, or undefined when `signal` aborted first */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    if (signal.aborted) return undefined;
    if (!this.free) {
      const got = await new Promise<boolean>((resolve) => {
        const enter = (): void => {
          signal.removeEventListener('abort', leave);
          resolve(true);
        };
        const leave = (): void => {
          this.#waiting.splice(this.#waiting.indexOf(enter), 1);
          resolve(false);
        };
        this.#waiting.push(enter);
        signal.addEventListener('abort', leave, { once: true });
      });
      if (!got) return undefined;
    } else {
      this.#taken += 1;
    }
    return this.#giver();
  }

  /** Counts a prompt that is on the server already, whether or not there is room. @returns how to give it back */
  force(): () => void {
    this.#taken += 1;
    return this.#giver();
  }

  #giver(): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      // While there are more than there should be, nobody follows; else the slot is handed over as it is.
      const next = this.#taken > this.#size ? undefined : this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    };
  }
}
