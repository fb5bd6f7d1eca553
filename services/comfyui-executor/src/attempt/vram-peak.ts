import type { GpuRoom } from './gpu-room.js';

/** Looks cost the server's loop a little. */
const INTERVAL_MS = 1_000;

/** The most memory of the GPU that was seen in use while a prompt ran. */
export class VramPeak {
  readonly #room: GpuRoom;
  #bytes: number | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(room: GpuRoom) {
    this.#room = room;
  }

  /** In bytes; null when nobody looked, or the server does not tell. */
  get bytes(): number | null {
    return this.#bytes;
  }

  /** Looks in the background, unless it just has. */
  look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs < INTERVAL_MS) return;
    this.#lookedMs = nowMs;
    this.#room
      .look()
      .then((memory) => {
        if (memory !== undefined) this.#bytes = Math.max(this.#bytes ?? 0, memory.total - memory.free);
      })
      // A figure that is missed is missed: nothing depends on it.
      .catch(() => undefined);
  }
}
