import type { Batch, Checkpoint, FollowOptions } from '../event-log.js';
import { behind, checkpointOf, type Passage } from './passage.js';

const DEFAULT_BATCH = 500;

/** One call of `follow`: how far it has come, and whom it hands its batches to. */
export class Follower {
  /** Settles when it follows no longer: aborted, or failed. */
  readonly ended: Promise<void>;
  readonly maxBatch: number;
  /** Called once when it ends. */
  onEnd: (() => void) | undefined;
  #at: Checkpoint;
  /** False until a batch said `caughtUp`; one that finds nothing behind its place is told so once. */
  #told = false;
  #busy = false;
  #over = false;
  readonly #end = Promise.withResolvers<void>();
  readonly #options: FollowOptions;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#at = options.after;
    this.maxBatch = options.maxBatch ?? DEFAULT_BATCH;
    this.ended = this.#end.promise;
    const onAbort = (): void => {
      // Not before its handler is done: whoever awaits the end may take apart what that one works with.
      if (!this.#busy) this.#stop();
    };
    options.signal.addEventListener('abort', onAbort, { once: true });
    if (options.signal.aborted) this.#stop();
  }

  get at(): Checkpoint {
    return this.#at;
  }

  get over(): boolean {
    return this.#over;
  }

  /**
   * Hands over what it has not had of a passage, batch after batch, and waits until that is handled. Where nothing is, it is
   * told that it has caught up, unless it knows. What the handler throws ends the follower; it is not thrown here.
   */
  async take(passage: Passage): Promise<void> {
    const { caughtUp, end } = passage;
    const items = behind(passage, this.#at.position);
    if (items.length === 0 && caughtUp && !this.#told)
      return this.#hand({ entries: [], checkpoint: this.#at, caughtUp, end });
    for (let from = 0; from < items.length && !this.#over; from += this.maxBatch) {
      const part = items.slice(from, from + this.maxBatch);
      const last = part.at(-1);
      if (last === undefined) return;
      await this.#hand({
        entries: part.map(({ entry }) => entry),
        checkpoint: checkpointOf(last),
        caughtUp: caughtUp && last === items.at(-1),
        end,
      });
    }
  }

  /** Ends it with an error. */
  fail(error: unknown): void {
    this.#end.reject(error);
    this.#stop();
  }

  async #hand(batch: Batch): Promise<void> {
    if (this.#over) return;
    this.#busy = true;
    try {
      await this.#options.onBatch(batch);
      this.#at = batch.checkpoint;
      this.#told = batch.caughtUp;
    } catch (error) {
      this.fail(error);
    } finally {
      this.#busy = false;
    }
    if (this.#options.signal.aborted) this.#stop();
  }

  #stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#end.resolve();
    this.onEnd?.();
  }
}
