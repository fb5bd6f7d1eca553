import { setTimeout as delay } from 'node:timers/promises';
import type { Faults } from '../faults.js';
import { isChosen } from '../seeded-share.js';

/** What every request passes before it is answered: the delays that the fault switches want. */
export class HttpGate {
  private stall: Promise<void> | undefined;

  constructor(private readonly faults: Faults) {}

  /** From now on nothing is answered for so many ms. */
  begin(ms: number): void {
    const stall = delay(ms).then(() => {
      if (this.stall === stall) this.stall = undefined;
    });
    this.stall = stall;
  }

  /** @param isControl a request of a test to the simulator itself, which only `latencyMs` delays */
  async pass(isControl: boolean): Promise<void> {
    const { faults } = this;
    if (faults.latencyMs > 0) await delay(faults.latencyMs);
    if (isControl) return;
    const spikes = faults.latencySpikes;
    if (spikes !== null && isChosen(spikes)) await delay(spikes.ms);
    if (faults.stallHttpMs > 0) {
      this.begin(faults.stallHttpMs);
      faults.stallHttpMs = 0;
    }
    await this.stall;
  }
}
