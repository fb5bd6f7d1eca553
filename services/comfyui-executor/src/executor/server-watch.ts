import type { ComfyClient, QueuedPrompt } from '@anime/comfyui-client';
import { isProblem } from '@anime/problem-details';

export interface ServerState {
  readonly reachable: boolean;
  /** Why not; null when it is. */
  readonly reason: string | null;
  readonly queue: { readonly running: number; readonly pending: number } | null;
}

/** The queue of a server; the pending prompts in the order in which they will run. */
export interface ServerQueue {
  readonly running: readonly QueuedPrompt[];
  readonly pending: readonly QueuedPrompt[];
}

export interface ServerWatchOptions {
  readonly client: ComfyClient;
  /** Called with the queue after each answer. */
  readonly onAnswer: (queue: ServerQueue) => Promise<void>;
  /** Called before that when the server may have been restarted in between; again when it throws. */
  readonly onBack: () => Promise<void>;
  /** Called each time that it does not answer. */
  readonly onAway: () => void;
  /** Told what `onAnswer` and `onBack` throw. */
  readonly onError: (error: unknown) => void;
}

const INTERVAL_MS = 2_000;
/** A server that loads a model stalls for seconds; it is away only after this. */
const PATIENCE_MS = 10_000;

/** Asks a server for its queue every two seconds, to know whether it is there and what it has. */
export class ServerWatch {
  readonly #options: ServerWatchOptions;
  #state: ServerState = { reachable: false, reason: 'it has not been asked yet', queue: null };
  #askedAtMs: number | undefined;
  /** How often there was reason to think that it was restarted, and how many of these an answer has settled. */
  #doubts = 0;
  #settled = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ServerWatchOptions) {
    this.#options = options;
  }

  get state(): ServerState {
    const silentMs = this.#askedAtMs === undefined ? 0 : performance.now() - this.#askedAtMs;
    if (silentMs < PATIENCE_MS) return this.#state;
    return {
      reachable: false,
      reason: `ComfyUI at ${this.#options.client.baseUrl} has not answered for ${Math.floor(silentMs / 1000)} s`,
      queue: null,
    };
  }

  /** True from when the server may have been restarted until its next answer has shown what it is. */
  get isInDoubt(): boolean {
    return this.#doubts > this.#settled;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.lookNow(), INTERVAL_MS);
    this.lookNow();
  }

  /** Asks without waiting for the next turn, unless it is being asked. */
  lookNow(): void {
    void this.#ask();
  }

  /** The server may have been restarted: told as `onBack` at its next answer. */
  doubt(): void {
    this.#doubts += 1;
    this.lookNow();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#askedAtMs !== undefined) return;
    this.#askedAtMs = performance.now();
    // What was asked before a doubt may have been answered before it, too.
    const doubts = this.#doubts;
    try {
      const queue = await this.#options.client.queue();
      this.#state = {
        reachable: true,
        reason: null,
        queue: { running: queue.running.length, pending: queue.pending.length },
      };
      this.#askedAtMs = undefined;
      if (doubts > this.#settled) await this.#options.onBack();
      this.#settled = doubts;
      await this.#options.onAnswer(queue);
    } catch (error) {
      if (isProblem(error, 'comfyui-unavailable') && this.#askedAtMs !== undefined) {
        this.#state = { reachable: false, reason: error.message, queue: null };
        this.#doubts += 1;
        this.#options.onAway();
      } else this.#options.onError(error);
    } finally {
      this.#askedAtMs = undefined;
    }
    if (this.#state.reachable && this.#doubts > doubts) this.lookNow();
  }
}
