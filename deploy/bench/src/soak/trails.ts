import { ENDED_STATUSES } from '@anime/contracts';
import { openLog, type RecordedEvent } from '@anime/event-store';

/** The types of the events after which nothing more happens to a job. */
export const ENDS: ReadonlySet<string> = new Set(ENDED_STATUSES.map((status) => `job.${status}`));

/** The events of jobs as the log has them, kept while somebody follows it. */
export class Trails implements AsyncDisposable {
  readonly #trails = new Map<string, RecordedEvent[]>();
  readonly #stop = new AbortController();
  readonly #log: ReturnType<typeof openLog>;
  readonly #following: Promise<void>;
  #onEnd: (() => void) | undefined;
  #ended = 0;

  readonly #ends: ReadonlySet<string>;

  /** @param ends after which types of events a job counts as ended */
  constructor(natsUrl: string, ends: ReadonlySet<string> = ENDS) {
    this.#ends = ends;
    this.#log = openLog({ natsUrl, name: 'trails' });
    this.#following = this.#log.follow({
      after: { position: 0, eventId: '' },
      signal: this.#stop.signal,
      onBatch: async ({ entries }) => {
        for (const entry of entries)
          if (entry.status === 'event' && entry.event.aggregate === 'job') this.#note(entry.event);
      },
    });
    this.#following.catch(() => undefined); // whoever waits for an end is told by `ended`
  }

  /** How many jobs have ended. */
  get ended(): number {
    return this.#ended;
  }

  of(jobId: string): readonly RecordedEvent[] {
    return this.#trails.get(jobId) ?? [];
  }

  /**
   * Waits until so many jobs have ended.
   * @param limitMs at most so long
   * @throws what following the log threw
   */
  async whenEnded(count: number, limitMs: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    const reached = new Promise<void>((done) => {
      this.#onEnd = () => {
        if (this.#ended >= count) done();
      };
      this.#onEnd();
    });
    await Promise.race([reached, late, this.#following]);
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following.catch(() => undefined);
    await this.#log.close();
  }

  #note(event: RecordedEvent): void {
    const trail = this.#trails.get(event.aggregateId) ?? [];
    this.#trails.set(event.aggregateId, [...trail, event]);
    if (!this.#ends.has(event.type) || trail.some(({ type }) => this.#ends.has(type))) return;
    this.#ended += 1;
    this.#onEnd?.();
  }
}
