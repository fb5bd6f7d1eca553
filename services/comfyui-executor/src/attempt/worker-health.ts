import {
  afterQueueLook,
  foreignWorker,
  idleWorker,
  isIdle,
  silenceLimit,
  silentWorker,
  type IdleSince,
  type QueueLook,
  type WorkerLimits,
} from '../domain/attempt/worker.js';

/** Why a server's worker counts as stopped. */
export interface Stopped {
  readonly message: string;
  /** The prompt that it hangs in; null when it runs none. */
  readonly promptId: string | null;
}

/**
 * Whether the one worker of a server still works (contract of ComfyUI §1.1, 1): a server without one answers everything, and
 * runs nothing ever again.
 */
export class WorkerHealth {
  readonly limits: WorkerLimits;
  readonly #isOurs: (promptId: string) => boolean;
  readonly #listeners = new Set<(stopped: Stopped) => void>();
  /** Prompts of ours that did not stop when they were told to. */
  readonly #left = new Set<string>();
  #stopped: Stopped | null = null;
  #idle: IdleSince = null;
  #foreign: { readonly promptId: string; readonly sinceMs: number } | null = null;

  /** @param isOurs whether this process runs the prompt: then its run watches it */
  constructor(limits: WorkerLimits, isOurs: (promptId: string) => boolean) {
    this.limits = limits;
    this.#isOurs = isOurs;
  }

  /** Why it counts as stopped, with what to do; null while it works. */
  get stopped(): string | null {
    return this.#stopped?.message ?? null;
  }

  /** A prompt runs, says nothing and cannot be stopped. */
  hangs(promptId: string, message: string): void {
    this.#stop({ promptId, message });
  }

  /** A prompt was given up that still runs. */
  leftRunning(promptId: string): void {
    this.#left.add(promptId);
  }

  /** Takes a look at the whole queue in. */
  onQueue(look: QueueLook, nowMs: number): void {
    if (this.#stopped !== null) return;
    const { idleMs } = this.limits;
    this.#idle = afterQueueLook(this.#idle, look, nowMs, idleMs);
    if (this.#idle !== null && isIdle(this.#idle, idleMs)) {
      const message = idleWorker(look.pending.length, nowMs - this.#idle.firstMs);
      return this.#stop({ promptId: null, message });
    }
    const foreign = look.running.find((promptId) => !this.#isOurs(promptId));
    if (foreign === undefined || !look.pending.some(this.#isOurs)) this.#foreign = null;
    else if (this.#foreign?.promptId !== foreign) this.#foreign = { promptId: foreign, sinceMs: nowMs };
    else this.#judge(foreign, nowMs - this.#foreign.sinceMs);
  }

  recovered(): void {
    this.#stopped = null;
    this.#idle = null;
    this.#foreign = null;
    this.#left.clear();
  }

  /** Calls back once it stops, at once when it has. @returns how to be called no more */
  onStopped(listener: (stopped: Stopped) => void): () => void {
    if (this.#stopped !== null) listener(this.#stopped);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #judge(promptId: string, ms: number): void {
    const isLeft = this.#left.has(promptId);
    if (ms <= silenceLimit(this.limits, isLeft ? 'none' : 'much')) return;
    this.#stop({ promptId, message: (isLeft ? silentWorker : foreignWorker)(promptId, ms) });
  }

  #stop(stopped: Stopped): void {
    if (this.#stopped !== null) return;
    this.#stopped = stopped;
    for (const listener of this.#listeners) listener(stopped);
  }
}
