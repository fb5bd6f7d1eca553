/** So many figures are kept; those not used for longest go first. */
const KEPT = 512;
/** What the newest attempt counts against all before it. */
const SHARE_OF_NEWEST = 0.3;

/**
 * How long nodes of each class took on one server: a moving average (EWMA) of the whole, and of one step where they have steps.
 * A sampler's time goes with its steps, so what it took with 20 tells what it takes with 8.
 */
export class NodeDurations {
  readonly #ms = new Map<string, number>();

  /** @param steps how many it told; null when it told none */
  learn(classType: string, ms: number, steps: number | null): void {
    if (!Number.isFinite(ms) || ms < 0) return;
    this.#average(classType, ms);
    if (steps !== null && steps > 1) this.#average(stepOf(classType), ms / steps);
  }

  /** In ms; undefined when none of this class has run. @param steps how many it is going to have, where that is known */
  expected(classType: string, steps: number | null): number | undefined {
    const perStep = steps === null ? undefined : this.#ms.get(stepOf(classType));
    return perStep === undefined || steps === null ? this.#ms.get(classType) : perStep * steps;
  }

  #average(key: string, ms: number): void {
    const before = this.#ms.get(key);
    this.#ms.delete(key);
    this.#ms.set(key, before === undefined ? ms : before + SHARE_OF_NEWEST * (ms - before));
    const [oldest] = this.#ms.keys();
    if (this.#ms.size > KEPT && oldest !== undefined) this.#ms.delete(oldest);
  }
}

/** A class name has no line break in it. */
function stepOf(classType: string): string {
  return `${classType}\nstep`;
}
