import { CancelAnswer, JobNotFound } from './answers.js';
import { isAnswer, type CallOptions, type ComfyHttp } from './comfy-http.js';
import { UnexpectedAnswerError } from './errors.js';

/**
 * An interruption stays until a node takes it, or the next prompt begins (contract §1.4, 20); so the second one for a prompt can only hit
 * what runs after it. It is sent again after this, for nodes that swallow it.
 */
const INTERRUPT_AGAIN_MS = 10_000;

/**
 * Stops the prompts of one server. All who want the same one stopped share one order: on a server whose `/interrupt` does not read
 * the id, a second one would stop the next prompt.
 */
export class Canceller {
  readonly #http: ComfyHttp;
  readonly #isRunning: (promptId: string) => Promise<boolean>;
  readonly #askAgainMs: number;
  /** Until when, on `performance.now`, the cancel of jobs is not asked for, as the router did not know it. */
  #withoutJobCancelUntil = 0;
  readonly #underWay = new Map<string, Promise<boolean | null>>();
  /** When each was interrupted last, on `performance.now`. */
  readonly #interrupted = new Map<string, number>();

  constructor(http: ComfyHttp, isRunning: (promptId: string) => Promise<boolean>, askAgainMs: number) {
    this.#http = http;
    this.#isRunning = isRunning;
    this.#askAgainMs = askAgainMs;
  }

  /** @returns whether the server says that it stopped one; null where it does not say. Throws as ComfyClient does. */
  async cancel(promptId: string, { signal }: CallOptions = {}): Promise<boolean | null> {
    signal?.throwIfAborted();
    let order = this.#underWay.get(promptId);
    if (order === undefined) {
      order = this.#cancel(promptId).finally(() => this.#underWay.delete(promptId));
      this.#underWay.set(promptId, order);
    }
    return signal === undefined ? order : untilAborted(order, signal);
  }

  async #cancel(promptId: string): Promise<boolean | null> {
    return (await this.#cancelJob(promptId)) ?? this.#cancelPrompt(promptId);
  }

  /** Atomic and idempotent. @returns undefined on a server without it, or that cannot say what it did */
  async #cancelJob(promptId: string): Promise<boolean | undefined> {
    if (performance.now() < this.#withoutJobCancelUntil) return undefined;
    const answer = await this.#http.post(`/api/jobs/${promptId}/cancel`);
    if (answer.status === 404 && isAnswer(JobNotFound, answer)) return false;
    if (answer.status === 404 || answer.status === 405) {
      this.#withoutJobCancelUntil = performance.now() + this.#askAgainMs;
      return undefined;
    }
    try {
      return this.#http.parse(CancelAnswer, answer).cancelled;
    } catch (error) {
      if (!(error instanceof UnexpectedAnswerError) || error.isGateways) throw error;
      return undefined;
    }
  }

  /** Deleting hits pending prompts only, interrupting with an id the running one only; both answer an empty 200. */
  async #cancelPrompt(promptId: string): Promise<null> {
    this.#http.requireOk(await this.#http.post('/queue', { delete: [promptId] }));
    // Old servers do not read the id and would stop whatever runs (contract §1.4, 20), so only where it is ours.
    if (!(await this.#isRunning(promptId))) return null;
    const nowMs = performance.now();
    for (const [id, atMs] of this.#interrupted) if (nowMs - atMs > INTERRUPT_AGAIN_MS) this.#interrupted.delete(id);
    if (this.#interrupted.has(promptId)) return null;
    // Whatever is answered: it may have arrived.
    this.#interrupted.set(promptId, nowMs);
    this.#http.requireOk(await this.#http.post('/interrupt', { prompt_id: promptId }));
    return null;
  }
}

/** The order goes on for those who share it. */
async function untilAborted<T>(order: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([order, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
