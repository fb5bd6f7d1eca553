import type { ComfyClient, QueuedPrompt } from '@anime/comfyui-client';
import { isProblem } from '@anime/problem-details';

export interface ServerState {
  readonly reachable: boolean;
  /** Why not; null when it is. */
  readonly reason: string | null;
  readonly queue: { readonly running: number; readonly pending: number } | null;
}

const INTERVAL_MS = 2_000;
/** A server that loads a model stalls for seconds; it is away only after this. */
const PATIENCE_MS = 10_000;

/** Asks a server for its queue every two seconds, to know whether it is there and what it has. */
export class ServerWatch {
  readonly #client: ComfyClient;
  readonly #onAnswer: (queued: readonly QueuedPrompt[]) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #onAway: () => void;
  #state: ServerState = { reachable: false, reason: 'it has not been asked yet', queue: null };
  #askedAtMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onAnswer called with all prompts of the queue after each answer; its errors go to `onError`
   * @param onAway called whenever the server did not answer
   */
  constructor(
    client: ComfyClient,
    onAnswer: (queued: readonly QueuedPrompt[]) => Promise<void>,
    onError: (error: unknown) => void,
    onAway: () => void,
  ) {
    this.#client = client;
    this.#onAnswer = onAnswer;
    this.#onError = onError;
    this.#onAway = onAway;
  }

  get state(): ServerState {
    const silentMs = this.#askedAtMs === undefined ? 0 : performance.now() - this.#askedAtMs;
    if (silentMs < PATIENCE_MS) return this.#state;
    return {
      reachable: false,
      reason: `ComfyUI at ${this.#client.baseUrl} has not answered for ${Math.floor(silentMs / 1000)} s`,
      queue: null,
    };
  }

  start(): void {
    this.#timer ??= setInterval(() => this.lookNow(), INTERVAL_MS);
    this.lookNow();
  }

  /** Asks without waiting for the next turn, unless it is being asked. */
  lookNow(): void {
    void this.#ask();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#askedAtMs !== undefined) return;
    this.#askedAtMs = performance.now();
    try {
      const { running, pending } = await this.#client.queue();
      this.#state = { reachable: true, reason: null, queue: { running: running.length, pending: pending.length } };
      this.#askedAtMs = undefined;
      await this.#onAnswer([...running, ...pending]);
    } catch (error) {
      if (isProblem(error, 'comfyui-unavailable') && this.#askedAtMs !== undefined) {
        this.#state = { reachable: false, reason: error.message, queue: null };
        this.#onAway();
      } else this.#onError(error);
    } finally {
      this.#askedAtMs = undefined;
    }
  }
}
