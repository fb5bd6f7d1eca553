import { setTimeout as delay } from 'node:timers/promises';
import { ENDED_STATUSES, JobRequestedV3 } from '@anime/contracts';
import type { TestStudio } from './test-studio.js';

const LOOK_MS = 200;
const ENDS: ReadonlySet<string> = new Set(ENDED_STATUSES.map((status) => `job.${status}`));

/** Keeps a number of jobs open in a studio whose processes come and go; knows from the log which are. */
export class JobFeeder {
  /** Jobs that the gateway answered 202 for. */
  readonly accepted = new Set<string>();
  readonly #studio: TestStudio;
  readonly #wanted: number;
  readonly #requested = new Set<string>();
  readonly #ended = new Set<string>();
  #readTo = 0;
  #made = 0;
  #feeding = true;
  #running: Promise<void> | undefined;

  /** @param wanted so many jobs shall be open */
  constructor(studio: TestStudio, wanted: number) {
    this.#studio = studio;
    this.#wanted = wanted;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Every job in the log, also one whose request got no answer. */
  get jobs(): readonly string[] {
    return [...this.#requested];
  }

  get open(): number {
    return this.#requested.size - this.#ended.size;
  }

  /** Requests nothing any more; what is open goes on. */
  stopFeeding(): void {
    this.#feeding = false;
  }

  /** Resolves when nothing is fed any more and every job has ended. */
  async allEnded(): Promise<void> {
    this.stopFeeding();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#feeding || this.open > 0) {
      // Whatever is dead at this moment is asked again at the next look.
      await this.#read().catch(() => undefined);
      if (this.#feeding && this.open < this.#wanted) await this.#request().catch(() => undefined);
      else await delay(LOOK_MS);
    }
  }

  async #read(): Promise<void> {
    for await (const entry of this.#studio.log.read({ after: this.#readTo })) {
      this.#readTo = entry.position;
      if (entry.status !== 'event') continue;
      const { type, aggregateId } = entry.event;
      if (type === JobRequestedV3.type) this.#requested.add(aggregateId);
      if (ENDS.has(type)) this.#ended.add(aggregateId);
    }
  }

  /** A job of 2 to 6 seconds at 60 ms a step. No two are alike, so that no server has one in its cache. */
  async #request(): Promise<void> {
    this.#made += 1;
    const jobId = await this.#studio.requestImage({ seed: this.#made, steps: 34 + ((this.#made * 37) % 66) });
    this.accepted.add(jobId);
  }
}
