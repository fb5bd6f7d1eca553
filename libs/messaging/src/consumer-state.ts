import type { LogEntry } from '@anime/event-store';
import type { ConsumerRow, ConsumerStatus } from './consumer-table.js';
import type { MessagingObserver } from './messaging-logger.js';

type Skipped = Exclude<LogEntry['status'], 'event'>;

/** The changing part of a row: what `status()` shows. */
export class ConsumerState {
  position: number | null = null;
  #lag: number | null = null;
  #state: ConsumerStatus['state'] = 'starting';
  #reason: string | null = null;
  readonly #skipped: Record<Skipped, number> = { void: 0, unknown: 0, newer: 0, fenced: 0 };

  constructor(
    private readonly row: Pick<ConsumerRow, 'name' | 'kind'>,
    private readonly observer: MessagingObserver | undefined,
  ) {}

  get current(): ConsumerStatus['state'] {
    return this.#state;
  }

  starting(): void {
    this.#state = 'starting';
    this.#reason = null;
  }

  standby(reason: string): void {
    this.#state = 'standby';
    this.#reason = reason;
  }

  running(): void {
    this.#state = 'running';
    this.#reason = null;
  }

  paused(reason: string): void {
    this.#state = 'paused';
    this.#reason = reason;
  }

  stopped(reason: string | null): void {
    this.#state = 'stopped';
    this.#reason = reason;
  }

  setLag(lag: number): void {
    this.#lag = Math.max(0, lag);
  }

  countSkipped(status: LogEntry['status']): void {
    if (status === 'event') return;
    this.#skipped[status] += 1;
    this.observer?.skipped(this.row.name, status);
  }

  status(): ConsumerStatus {
    return {
      name: this.row.name,
      kind: this.row.kind,
      position: this.position,
      lag: this.#lag,
      state: this.#state,
      reason: this.#reason,
      skipped: { ...this.#skipped },
    };
  }
}
