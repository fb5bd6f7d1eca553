import {
  AnswerTooLargeError,
  UnexpectedAnswerError,
  type ComfyClient,
  type ComfySocket,
  type EndedPrompt,
  type OnPreview,
  type PromptLook,
  type PromptMessage,
} from '@anime/comfyui-client';
import { isProblem } from '@anime/problem-details';
import { afterLook, hasVanished, type AbsentSince, type Seen } from '../domain/attempt/vanishing.js';
import { isTooSilent, silentWorker } from '../domain/attempt/worker.js';
import { Wake } from './wake.js';
import type { WorkerHealth } from './worker-health.js';

const POLL_MS = 1_000;
/** After a message that the prompt has ended: history follows within milliseconds. */
const SETTLING_POLL_MS = 50;
const CANCEL_AGAIN_MS = 2_000;
/**
 * A prompt that ran too long and does not stop (a node blocks) is left to the server, which goes on being told. So is a cancelled one of
 * which the server says nothing that can be read.
 */
const STOP_PATIENCE_MS = 10_000;
/** So many answers in a row that cannot be read, and for so long as the limits say, are no accident. */
const UNREADABLE_LOOKS = 5;

export type Followed =
  | { readonly kind: 'ended'; readonly ended: EndedPrompt }
  /** In neither queue nor history, twice, 5 s apart. */
  | { readonly kind: 'vanished'; readonly wasSeen: boolean }
  /** A cancel was ordered, and the server no longer has the prompt, or does not say. */
  | { readonly kind: 'stopped' }
  /** It ran longer than it may, and was told to stop. It may not have stopped yet, where its server does not answer or its node blocks. */
  | { readonly kind: 'timed-out'; readonly hasStopped: boolean }
  /** Nothing was heard of it for too long, and the server stopped it when it was told to. */
  | { readonly kind: 'silent'; readonly silentMs: number }
  /** The server answers, but nothing that tells of the prompt; it was told to stop it. */
  | { readonly kind: 'unreadable'; readonly error: UnexpectedAnswerError }
  /** The server runs nothing any more. */
  | { readonly kind: 'worker-stopped'; readonly message: string };

/** A look that says where the prompt is, or that it got no answer, or one that nobody can read. */
type Look =
  | PromptLook
  | { readonly state: 'unanswered' }
  | { readonly state: 'unreadable'; readonly error: UnexpectedAnswerError };

export interface PromptFollowerOptions {
  readonly client: ComfyClient;
  readonly socket: ComfySocket;
  readonly health: WorkerHealth;
  readonly promptId: string;
  /** How long it may run on the server, in ms; null: as long as it likes. */
  readonly maxRunMs: number | null;
  readonly onMessage: (message: PromptMessage) => void;
  readonly onLook: (look: PromptLook) => void;
  /** Given the newest picture of the prompt whenever the last one has been dealt with. */
  readonly onPreview?: OnPreview | undefined;
}

/** Why the follower itself told the server to stop the prompt, and when (monotonic ms). */
interface Overrun {
  readonly why: 'timed-out' | 'silent';
  readonly atMs: number;
  readonly silentMs: number;
}

/**
 * Follows one prompt to its end. Every look is over HTTP; the websocket only brings the next one forward, so nothing
 * hangs when its messages are lost. Make it before the POST: a small prompt ends before the answer is read.
 */
export class PromptFollower implements Disposable {
  readonly #options: PromptFollowerOptions;
  readonly #wake = new Wake();
  readonly #unfollow: (() => void)[];
  /** Of the connection on which the prompt was sent: only there its messages can be heard. */
  #clientId: string | undefined;
  #settling = false;
  /** When it was (monotonic ms); undefined when it was not. */
  #cancelledMs: number | undefined;
  #cancelSentMs = Number.NEGATIVE_INFINITY;
  #runsSinceMs: number | undefined;
  /** Whether the time that it may run is counted from its start on the server; one that this process sent is seen from there. */
  #isCounted = false;
  #isSeenRunning = false;
  /** Since when the server has not answered; undefined while it does. */
  #awaySinceMs: number | undefined;
  /** Looks since the last one that could be read. */
  #unreadable = { looks: 0, sinceMs: 0 };
  #heardMs = performance.now();
  #overrun: Overrun | undefined;

  constructor(options: PromptFollowerOptions) {
    this.#options = options;
    const { socket, health, promptId, onPreview } = options;
    this.#unfollow = [
      socket.follow(
        promptId,
        (hint) => {
          if (hint.kind === 'message') this.#onMessage(hint.message);
          else this.#wake.call();
        },
        onPreview === undefined ? {} : { onPreview },
      ),
      health.onStopped(() => this.#wake.call()),
    ];
  }

  /** The prompt is sent on this connection. */
  sentAs(clientId: string): void {
    this.#clientId = clientId;
  }

  /** From now on the prompt is stopped wherever it is found. */
  cancel(): void {
    this.#cancelledMs ??= performance.now();
    this.#wake.call();
  }

  /**
   * @param justQueued true when the server has just taken the prompt: then the first look can wait for a message
   * @returns how it ended; undefined when `signal` aborted first (the prompt is left as it is)
   */
  async follow(justQueued: boolean, signal: AbortSignal): Promise<Followed | undefined> {
    // A look may take as long as a stalled server lets it; draining must not.
    const aborted = new Promise<undefined>((resolve) => {
      // The signal lives as long as the service; what listens to it must not.
      const onAbort = (): void => resolve(undefined);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#unfollow.push(() => signal.removeEventListener('abort', onAbort));
    });
    let absentSince: AbsentSince = null;
    let wasSeen = justQueued;
    let pauseMs = justQueued ? POLL_MS : 0;
    this.#isCounted = justQueued;
    for (;;) {
      if (pauseMs > 0) await this.#wake.wait(pauseMs, signal);
      if (signal.aborted) return undefined;
      const look = await Promise.race([this.#look(), aborted]);
      if (look === undefined || signal.aborted) return undefined;
      const nowMs = performance.now();
      const seen = seenBy(look);
      if (look.state !== 'unanswered' && look.state !== 'unreadable') this.#options.onLook(look);
      if (look.state === 'ended') return this.#endedAs(look.ended);
      wasSeen ||= seen === 'present';
      if (seen === 'absent' && this.#isCancelled) return { kind: 'stopped' };
      if (seen === 'absent' && this.#overrun !== undefined) return this.#overran(this.#overrun, true);
      this.#watchAbsence(seen === 'unknown', nowMs);
      if (look.state === 'running') this.#watchRun(nowMs);
      const { stopped } = this.#options.health;
      const isUnreadable = this.#isUnreadable(look, nowMs);
      const mayBeThere = seen === 'present' || look.state === 'unreadable';
      if (stopped !== null || isUnreadable || (mayBeThere && (this.#isCancelled || this.#overrun !== undefined)))
        await this.#stop();
      // Whatever the server answers, who cancels does not wait for it for ever.
      const isLost = stopped !== null || isUnreadable || (seen === 'unknown' && this.#isCancelOver);
      if (this.#isCancelled && isLost) return this.#givenUp();
      if (stopped !== null) return { kind: 'worker-stopped', message: stopped };
      if (look.state === 'unreadable' && isUnreadable) return { kind: 'unreadable', error: look.error };
      if (this.#overrun?.why === 'timed-out' && this.#isPatienceOver(this.#overrun)) {
        this.#options.health.leftRunning(this.#options.promptId);
        return this.#overran(this.#overrun, false);
      }
      absentSince = afterLook(absentSince, seen, nowMs);
      if (seen === 'absent' && hasVanished(absentSince, nowMs)) return { kind: 'vanished', wasSeen };
      pauseMs = this.#pauseAfter(seen);
    }
  }

  [Symbol.dispose](): void {
    for (const unfollow of this.#unfollow) unfollow();
  }

  /** Judges a prompt that is running: it may run too long, or hang with its server. */
  #watchRun(nowMs: number): void {
    const { health, promptId, maxRunMs } = this.#options;
    if (!this.#isSeenRunning) this.#heardMs = nowMs;
    this.#isSeenRunning = true;
    this.#runsSinceMs ??= nowMs;
    const silentMs = nowMs - this.#heardMs;
    if (this.#overrun === undefined) {
      if (maxRunMs !== null && nowMs - this.#runsSinceMs >= maxRunMs)
        this.#overrun = { why: 'timed-out', atMs: nowMs, silentMs };
      else if (this.#isSilent(nowMs)) this.#overrun = { why: 'silent', atMs: nowMs, silentMs };
    } else if (
      this.#overrun.why === 'silent' &&
      nowMs - this.#overrun.atMs > health.limits.cancelMs &&
      this.#heardMs < this.#overrun.atMs
    ) {
      health.hangs(promptId, silentWorker(promptId, silentMs));
    }
  }

  /** It is heard only on the connection on which it was sent: not by the next life of the process, nor after a cut. */
  #isSilent(nowMs: number): boolean {
    const { health, socket } = this.#options;
    const isHearable = socket.connected && socket.clientId === this.#clientId;
    const hearing = { isHearable, heardMs: this.#heardMs, othersHeardMs: socket.heardEventMs };
    return isTooSilent(health.limits, hearing, nowMs);
  }

  /** A server that does not answer may be running it, or stay away for ever: its time passes all the same. */
  #watchAbsence(isAway: boolean, nowMs: number): void {
    const { maxRunMs } = this.#options;
    this.#awaySinceMs = isAway ? (this.#awaySinceMs ?? nowMs) : undefined;
    if (maxRunMs === null || this.#awaySinceMs === undefined || this.#overrun !== undefined) return;
    if (nowMs - (this.#runsSinceMs ?? this.#awaySinceMs) >= maxRunMs)
      this.#overrun = { why: 'timed-out', atMs: nowMs, silentMs: nowMs - this.#heardMs };
  }

  /** A prompt that does not stop is left to the server; one whose server is away is stopped on sight (architecture §6). */
  #isPatienceOver({ atMs }: Overrun): boolean {
    return this.#awaySinceMs !== undefined || performance.now() - atMs > STOP_PATIENCE_MS;
  }

  get #isCancelled(): boolean {
    return this.#cancelledMs !== undefined;
  }

  get #isCancelOver(): boolean {
    return this.#cancelledMs !== undefined && performance.now() - this.#cancelledMs > STOP_PATIENCE_MS;
  }

  /** It may be running yet: whoever ordered the cancel goes on telling the server until that has heard. */
  #givenUp(): Followed {
    this.#options.health.leftRunning(this.#options.promptId);
    return { kind: 'stopped' };
  }

  /**
   * True when the server has said nothing of the prompt that can be read for so long that it never will. What is too large is not
   * downloaded again and again.
   */
  #isUnreadable(look: Look, nowMs: number): boolean {
    if (look.state === 'unanswered') return false;
    if (look.state !== 'unreadable') {
      this.#unreadable = { looks: 0, sinceMs: nowMs };
      return false;
    }
    const { looks, sinceMs } = this.#unreadable;
    this.#unreadable = { looks: looks + 1, sinceMs: looks === 0 ? nowMs : sinceMs };
    if (look.error instanceof AnswerTooLargeError) return true;
    const { unreadableMs } = this.#options.health.limits;
    return this.#unreadable.looks >= UNREADABLE_LOOKS && nowMs - this.#unreadable.sinceMs >= unreadableMs;
  }

  /** It may have ended well while it was being stopped. */
  #endedAs(ended: EndedPrompt): Followed {
    const isInterrupted = ended.messages.some(([name]) => name === 'execution_interrupted');
    return this.#overrun !== undefined && !this.#isCancelled && isInterrupted
      ? this.#overran(this.#overrun, true)
      : { kind: 'ended', ended };
  }

  #overran({ why, silentMs }: Overrun, hasStopped: boolean): Followed {
    return why === 'silent' ? { kind: 'silent', silentMs } : { kind: 'timed-out', hasStopped };
  }

  #pauseAfter(seen: Seen): number {
    const isStopping = this.#settling || this.#isCancelled || this.#overrun?.why === 'timed-out';
    return seen === 'present' && isStopping ? SETTLING_POLL_MS : POLL_MS;
  }

  async #look(): Promise<Look> {
    try {
      const look = await this.#options.client.look(this.#options.promptId);
      if (look.state === 'running') await this.#countFromStart();
      return look;
    } catch (error) {
      if (!isProblem(error, 'comfyui-unavailable')) throw error;
      const isWord = error instanceof UnexpectedAnswerError && !error.isGateways;
      return isWord ? { state: 'unreadable', error } : { state: 'unanswered' };
    }
  }

  /** What an earlier life of this process sent has been running for a while. @throws `comfyui-unavailable` */
  async #countFromStart(): Promise<void> {
    const { client, promptId, maxRunMs } = this.#options;
    if (this.#isCounted || maxRunMs === null) return;
    const runningMs = await client.runningForMs(promptId).catch((error: unknown) => {
      if (error instanceof UnexpectedAnswerError) return null;
      throw error;
    });
    this.#isCounted = true;
    if (runningMs !== null) this.#runsSinceMs = Math.min(this.#runsSinceMs ?? Infinity, performance.now() - runningMs);
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
    const nowMs = performance.now();
    this.#heardMs = nowMs;
    // A node has begun, or is further: the prompt runs.
    this.#runsSinceMs ??= nowMs;
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
      if (this.#isCancelled) this.#wake.call();
    }
  }

  #settle(): void {
    this.#settling = true;
    this.#wake.call();
  }
}

function seenBy({ state }: Look): Seen {
  if (state === 'unanswered' || state === 'unreadable') return 'unknown';
  return state === 'absent' ? 'absent' : 'present';
}
