/** Who waits for which position of which projection, in this process. */
export class Positions {
  readonly #reached = new Map<string, number>();
  readonly #listeners = new Map<string, Set<(position: number) => void>>();

  /** The last position that a runner of this process committed; 0 when it committed none. */
  reached(projection: string): number {
    return this.#reached.get(projection) ?? 0;
  }

  /** Called after each commit. */
  advance(projection: string, position: number): void {
    this.#reached.set(projection, position);
    for (const listener of this.#listeners.get(projection) ?? []) listener(position);
  }

  /** No runner of this process writes any more: how far the projection is, only the database knows. */
  forget(projection: string): void {
    this.#reached.delete(projection);
  }

  /** Calls back at each commit until the returned function is called. */
  listen(projection: string, listener: (position: number) => void): () => void {
    let listeners = this.#listeners.get(projection);
    if (listeners === undefined) this.#listeners.set(projection, (listeners = new Set()));
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Resolves to true at the next commit at or behind `position`, to false after `timeoutMs` or when the signal aborts. */
  next(projection: string, position: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (reached: boolean): void => {
        clearTimeout(timer);
        stopListening();
        signal?.removeEventListener('abort', onAbort);
        resolve(reached);
      };
      const onAbort = (): void => settle(false);
      const timer = setTimeout(() => settle(false), timeoutMs);
      const stopListening = this.listen(projection, (at) => {
        if (at >= position) settle(true);
      });
      if (signal?.aborted === true) settle(false);
      else signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
