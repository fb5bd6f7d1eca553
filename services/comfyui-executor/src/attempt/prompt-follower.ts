import type {
  ComfyClient,
  ComfySocket,
  EndedPrompt,
  OnPreview,
  PromptLook,
  PromptMessage,
} from '@anime/comfyui-client';
import { isProblem } from '@anime/problem-details';
import { afterLook, hasVanished, type AbsentSince } from '../domain/attempt/vanishing.js';
import { Wake } from './wake.js';

const POLL_MS = 1_000;
/** After a message that the prompt has ended: history follows within milliseconds. */
const SETTLING_POLL_MS = 50;
const CANCEL_AGAIN_MS = 2_000;

export type Followed =
  | { readonly kind: 'ended'; readonly ended: EndedPrompt }
  /** In neither queue nor history, twice, 5 s apart. */
  | { readonly kind: 'vanished' }
  /** A cancel was ordered and the server no longer has the prompt. */
  | { readonly kind: 'stopped' };

export interface PromptFollowerOptions {
  readonly client: ComfyClient;
  readonly socket: ComfySocket;
  readonly promptId: string;
  readonly onMessage: (message: PromptMessage) => void;
  readonly onLook: (look: PromptLook) => void;
  /** Given the newest picture of the prompt whenever the last one has been dealt with. */
  readonly onPreview?: OnPreview | undefined;
}

/**
 * Follows one prompt to its end. Every look is over HTTP; the websocket only brings the next one forward, so nothing
 * hangs when its messages are lost. Make it before the POST: a small prompt ends before the answer is read.
 */
export class PromptFollower implements Disposable {
  readonly #options: PromptFollowerOptions;
  readonly #wake = new Wake();
  readonly #unfollow: () => void;
  #settling = false;
  #cancelled = false;
  #cancelSentMs = Number.NEGATIVE_INFINITY;

  constructor(options: PromptFollowerOptions) {
    this.#options = options;
    const { socket, promptId, onPreview } = options;
    this.#unfollow = socket.follow(
      promptId,
      (hint) => {
        if (hint.kind === 'message') this.#onMessage(hint.message);
        else this.#wake.call();
      },
      onPreview === undefined ? {} : { onPreview },
    );
  }

  /** From now on the prompt is stopped wherever it is found. */
  cancel(): void {
    this.#cancelled = true;
    this.#wake.call();
  }

  /**
   * @param justQueued true when the server has just taken the prompt: then the first look can wait for a message
   * @returns how it ended; undefined when `signal` aborted first (the prompt is left as it is)
   */
  async follow(justQueued: boolean, signal: AbortSignal): Promise<Followed | undefined> {
    // A look may take as long as a stalled server lets it; draining must not.
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener('abort', () => resolve(undefined), { once: true });
    });
    let absentSince: AbsentSince = null;
    let pauseMs = justQueued ? POLL_MS : 0;
    for (;;) {
      if (pauseMs > 0) await this.#wake.wait(pauseMs, signal);
      if (signal.aborted) return undefined;
      const look = await Promise.race([this.#look(), aborted]);
      if (signal.aborted) return undefined;
      if (look !== undefined) this.#options.onLook(look);
      if (look?.state === 'ended') return { kind: 'ended', ended: look.ended };
      if (look?.state === 'absent' && this.#cancelled) return { kind: 'stopped' };
      if (look !== undefined && look.state !== 'absent' && this.#cancelled) await this.#stop();
      const seen = look === undefined ? 'unanswered' : look.state === 'absent' ? 'absent' : 'present';
      absentSince = afterLook(absentSince, seen, performance.now());
      if (seen === 'absent' && hasVanished(absentSince, performance.now())) return { kind: 'vanished' };
      pauseMs = this.#pauseAfter(seen);
    }
  }

  [Symbol.dispose](): void {
    this.#unfollow();
  }

  #pauseAfter(seen: 'present' | 'absent' | 'unanswered'): number {
    return seen === 'present' && (this.#settling || this.#cancelled) ? SETTLING_POLL_MS : POLL_MS;
  }

  async #look(): Promise<PromptLook | undefined> {
    try {
      return await this.#options.client.look(this.#options.promptId);
    } catch (error) {
      if (!isProblem(error, 'comfyui-unavailable')) throw error;
      return undefined;
    }
  }

  /** Sent again as long as it has no effect: a node that blocks hears of it only at its end. */
  async #stop(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#cancelSentMs < CANCEL_AGAIN_MS) return;
    this.#cancelSentMs = nowMs;
    try {
      await this.#options.client.cancel(this.#options.promptId);
    } catch (error) {
      if (!isProblem(error, 'comfyui-unavailable')) throw error;
      this.#cancelSentMs = Number.NEGATIVE_INFINITY;
    }
  }

  #onMessage(message: PromptMessage): void {
    this.#options.onMessage(message);
    // `executing` without a node comes when history has the entry. The verdicts come a moment before that, and an
    // error need not be final, so they only make the looks more frequent.
    if (message.type === 'executing' && message.data.node === null) this.#settle();
    if (
      message.type === 'execution_success' ||
      message.type === 'execution_error' ||
      message.type === 'execution_interrupted'
    ) {
      this.#settling = true;
      if (this.#cancelled) this.#wake.call();
    }
  }

  #settle(): void {
    this.#settling = true;
    this.#wake.call();
  }
}
