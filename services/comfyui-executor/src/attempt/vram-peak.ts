import { inUseAtPeak } from '../domain/attempt/memory.js';
import type { GpuRoom } from './gpu-room.js';

/** Looks cost the server's loop a little; and a run that is over sooner is only looked at when it has ended. */
const INTERVAL_MS = 250;

/** The most memory of the GPU that was seen in use while a prompt ran, and when it had ended. */
export class VramPeak implements Disposable {
  readonly #room: GpuRoom;
  #bytes: number | null = null;
  #lookedMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #asking: Promise<void> | undefined;

  constructor(room: GpuRoom) {
    this.#room = room;
  }

  /** It runs, or has begun another node: what it holds may have changed. Looks in the background, four times a second at most. */
  changed(): void {
    if (this.#timer !== undefined || this.#asking !== undefined) return;
    const nowMs = performance.now();
    this.#lookedMs ??= nowMs;
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, this.#lookedMs + INTERVAL_MS - nowMs));
  }

  /**
   * Looks once more, as torch keeps what it has reserved. To be awaited before anybody has memory freed.
   * @returns the peak in bytes; null when the server does not tell. It never throws
   */
  async ended(): Promise<number | null> {
    this[Symbol.dispose]();
    await this.#asking;
    await this.#look();
    return this.#bytes;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #look(): Promise<void> {
    this.#timer = undefined;
    this.#asking = this.#room
      .look()
      .then((memory) => {
        if (memory !== undefined) this.#bytes = Math.max(this.#bytes ?? 0, inUseAtPeak(memory));
      })
      // A figure that is missed is missed: nothing depends on it.
      .catch(() => undefined)
      .finally(() => {
        this.#lookedMs = performance.now();
        this.#asking = undefined;
      });
    return this.#asking;
  }
}
