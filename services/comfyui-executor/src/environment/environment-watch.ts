import { setTimeout as delay } from 'node:timers/promises';

export interface EnvironmentWatchOptions {
  /** Reads what runs on the server and has it recorded. @returns the name of the environment */
  readonly read: () => Promise<string>;
  /** Told why it could not be read; it is tried again. */
  readonly onError: (error: unknown) => void;
  /** Monotonic ms. */
  readonly clock?: () => number;
}

/** So long an attempt waits for a server that has just been met, or has just come back, to tell what it is. */
const PATIENCE_MS = 5_000;
const RETRY_MS = 10_000;

/**
 * Knows in what environment attempts run now. What runs on a server changes at its starts only, so it is read once for each:
 * at the first answer, and at the first one after it is told of a restart.
 */
export class EnvironmentWatch {
  readonly #options: EnvironmentWatchOptions;
  readonly #clock: () => number;
  #boot = 1;
  #name: string | null = null;
  #told = Promise.withResolvers<void>();
  #metAtMs: number | undefined;
  #triedAtMs = Number.NEGATIVE_INFINITY;
  #isReading = false;

  constructor(options: EnvironmentWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  /** To be called when the server has answered. Reads in the background what is not known yet; returns at once. */
  answered(): void {
    const now = this.#clock();
    this.#metAtMs ??= now;
    if (this.#name !== null || this.#isReading || now - this.#triedAtMs < RETRY_MS) return;
    this.#triedAtMs = now;
    void this.#read();
  }

  /** The server is, or may be, another one than before: what it is, is read again. */
  restarted(): void {
    this.#boot += 1;
    this.#metAtMs = undefined;
    this.#triedAtMs = Number.NEGATIVE_INFINITY;
    if (this.#name !== null) this.#told = Promise.withResolvers();
    this.#name = null;
  }

  /**
   * The name of the environment that an attempt runs in which begins now. Waits some seconds when the server has just been met;
   * one that does not tell makes only the first attempts wait.
   * @returns null when the server has not told, or `signal` has aborted
   */
  async current(signal: AbortSignal): Promise<string | null> {
    const now = this.#clock();
    const leftMs = (this.#metAtMs ?? now) + PATIENCE_MS - now;
    if (this.#name !== null || leftMs <= 0 || signal.aborted) return this.#name;
    const enough = new AbortController();
    const patience = delay(leftMs, undefined, { signal: AbortSignal.any([signal, enough.signal]) }).catch(
      () => undefined,
    );
    await Promise.race([this.#told.promise, patience]);
    enough.abort();
    return this.#name;
  }

  async #read(): Promise<void> {
    const boot = this.#boot;
    this.#isReading = true;
    try {
      const name = await this.#options.read();
      // What was read while it restarted may be of either start.
      if (boot !== this.#boot) return;
      this.#name = name;
      this.#told.resolve();
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isReading = false;
    }
  }
}
