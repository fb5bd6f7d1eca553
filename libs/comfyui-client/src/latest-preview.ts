import type { Preview } from './binary-frame.js';

/** Takes a preview; the next one comes when what it returns has settled. What it throws is lost like a preview. */
export type OnPreview = (preview: Preview) => void | Promise<void>;

/**
 * Hands previews to somebody who may be slower than they come: while one is in hand only the newest waits, so that neither the
 * socket stalls nor memory grows (contract §1.1, 3).
 */
export class LatestPreview {
  readonly #onPreview: OnPreview;
  #waiting: Preview | undefined;
  #isBusy = false;

  constructor(onPreview: OnPreview) {
    this.#onPreview = onPreview;
  }

  offer(preview: Preview): void {
    // Copied: the frame may hold a piece of a larger buffer alive.
    this.#waiting = { ...preview, bytes: Uint8Array.from(preview.bytes) };
    if (!this.#isBusy) void this.#handOn();
  }

  async #handOn(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting !== undefined) {
      const preview = this.#waiting;
      this.#waiting = undefined;
      try {
        await this.#onPreview(preview);
      } catch {
        // A preview is worth nothing a moment later.
      }
    }
    this.#isBusy = false;
  }
}
