/** Waits, or returns early when the signal aborts; never rejects. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });
}

/** Resolves when the signal aborts. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Delays that double from `firstMs` to `lastMs` until something has worked. */
export class Backoff {
  #next: number;

  constructor(
    private readonly firstMs: number,
    private readonly lastMs: number,
  ) {
    this.#next = firstMs;
  }

  reset(): void {
    this.#next = this.firstMs;
  }

  next(): number {
    const current = this.#next;
    this.#next = Math.min(current * 2, this.lastMs);
    return current;
  }
}
