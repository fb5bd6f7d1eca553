import type { FrameEvidence } from './metric-score.js';

/** Collects one metric's values frame by frame, in constant memory. */
export class FrameSeries {
  #frames = 0;
  #sum = 0;
  #min = Infinity;
  #minFrame = -1;
  #max = -Infinity;
  #maxFrame = -1;

  /** Adds the value of the next frame. */
  add(value: number): void {
    if (value < this.#min) {
      this.#min = value;
      this.#minFrame = this.#frames;
    }
    if (value > this.#max) {
      this.#max = value;
      this.#maxFrame = this.#frames;
    }
    this.#sum += value;
    this.#frames += 1;
  }

  mean(): number {
    return this.#sum / this.#frames;
  }

  evidence(): FrameEvidence {
    return {
      frames: this.#frames,
      min: this.#min,
      minFrame: this.#minFrame,
      max: this.#max,
      maxFrame: this.#maxFrame,
    };
  }
}
