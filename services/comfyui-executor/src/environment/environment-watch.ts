import { setTimeout as delay } from 'node:timers/promises';

export interface EnvironmentWatchOptions {
  /** Reads what runs on the server and has it recorded. @returns the name of the environment */
  readonly read: () => Promise<string>;
  /** Told why it could not be read; it is tried again. */
  readonly onError: (error: unknown) => void;
  /** True while the server may be another one than before and has not answered since: then nobody knows in what environment it is. */
  readonly isInDoubt: () => boolean;
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

  /** To be called when the server has answered, and no doubt is left. Reads in the background what is not known yet; returns at once. */
  answered(): void {
    const now = this.#clock();
    this.#metAtMs ??= now;
    if (this.#name !== null) this.#tell();
    if (this.#name !== null || this.#isReading || now - this.#triedAtMs < RETRY_MS) return;
    this.#triedAtMs = now;
    void this.#read();
  }

  /** The server is, or may be, another one than before: what it is, is read again. */
  restarted(): void {
    this.#boot += 1;
    this.#metAtMs = undefined;
    this.#triedAtMs = Number.NEGATIVE_INFINITY;
    this.#name = null;
  }

  /**
   * The name of the environment that an attempt runs in which begins now. Waits some seconds when the server has just been met, or
   * may have been restarted; one that does not tell makes only the first attempts wait.
   * @returns null when the server has not told, or `signal` has aborted
   */
  async current(signal: AbortSignal): Promise<string | null> {
    const now = this.#clock();
    const metAtMs = this.#options.isInDoubt() ? now : (this.#metAtMs ?? now);
    const leftMs = metAtMs + PATIENCE_MS - now;
    if (this.#known !== null || leftMs <= 0 || signal.aborted) return this.#known;
    const enough = new AbortController();
    const patience = delay(leftMs, undefined, { signal: AbortSignal.any([signal, enough.signal]) }).then(
      () => false,
      () => false,
    );
    const isTold = (): Promise<boolean> => Promise.race([this.#told.promise.then(() => true), patience]);
    // What was told may be in doubt again by now.
    while (this.#known === null && (await isTold()));
    enough.abort();
    return this.#known;
  }

  get #known(): string | null {
    return this.#options.isInDoubt() ? null : this.#name;
  }

  /** Whoever waits looks again. */
  #tell(): void {
    this.#told.resolve();
    this.#told = Promise.withResolvers();
  }

  async #read(): Promise<void> {
    const boot = this.#boot;
    this.#isReading = true;
    try {
      const name = await this.#options.read();
      // What was read while it restarted may be of either start.
      if (boot !== this.#boot) return;
      this.#name = name;
      this.#tell();
    } catch (error) {
      this.#options.onError(error);
    } finally {
      this.#isReading = false;
    }
  }
}
