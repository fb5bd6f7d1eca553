import type { Observation } from '../domain/executor/executor.js';

/** Looks further apart than this were not listening: the process stood still, and what came meanwhile is not read yet. */
const LONGEST_GAP_MS = 5_000;

/** Remembers when each executor was heard last, and counts its silence only while this process could have heard it. */
export class ExecutorWatch {
  readonly #clock: () => number;
  readonly #heard = new Map<string, number>();
  /** Since when each executor has said, beat by beat, that its server does not answer. */
  readonly #unreachable = new Map<string, number>();
  /** Since when each executor is listened for. */
  readonly #awaited = new Map<string, number>();
  #lookedAt: number | undefined;

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /**
   * A heartbeat came.
   * @param reachable whether the server of the executor answers it
   */
  onHeartbeat(executorId: string, reachable = true): void {
    const now = this.#clock();
    this.#heard.set(executorId, now);
    if (reachable) this.#unreachable.delete(executorId);
    else if (!this.#unreachable.has(executorId)) this.#unreachable.set(executorId, now);
  }

  /** To be called at every tick: whether NATS is connected now. Without it, or after a standstill, all counting begins anew. */
  look(connected: boolean): void {
    const now = this.#clock();
    const stoodStill = this.#lookedAt !== undefined && now - this.#lookedAt > LONGEST_GAP_MS;
    if (!connected || stoodStill) {
      this.#heard.clear();
      this.#unreachable.clear();
      this.#awaited.clear();
    }
    this.#lookedAt = connected ? now : undefined;
  }

  /** @returns undefined while nothing can be said: not connected, not looked yet, or not since a standstill */
  observe(executorId: string): Observation | undefined {
    const now = this.#clock();
    if (this.#lookedAt === undefined || now - this.#lookedAt > LONGEST_GAP_MS) return undefined;
    const awaited = this.#awaited.get(executorId) ?? now;
    this.#awaited.set(executorId, awaited);
    const heard = this.#heard.get(executorId);
    const unreachable = this.#unreachable.get(executorId);
    return {
      silentMs: now - Math.max(awaited, heard ?? awaited),
      heardMsAgo: heard === undefined ? undefined : now - heard,
      unreachableMs: unreachable === undefined ? undefined : now - unreachable,
    };
  }
}
