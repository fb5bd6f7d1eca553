/** A pause that can be cut short. A call while nobody waits cuts the next pause short. */
export class Wake {
  #due = false;
  #resume: (() => void) | undefined;

  call(): void {
    this.#due = true;
    this.#resume?.();
  }

  /** Waits `ms`, or until called, or until `signal` aborts. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#due && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', finish);
          this.#resume = undefined;
          resolve();
        };
        const timer = setTimeout(finish, ms);
        signal.addEventListener('abort', finish, { once: true });
        this.#resume = finish;
      });
    }
    this.#due = false;
  }
}
