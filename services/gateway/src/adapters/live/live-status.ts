import type { ExecutorHeartbeat, ServiceStatus } from '@anime/contracts';

/** How long what a part said about itself counts after it was heard. */
export const HEARD_FOR_MS = 10_000;

interface Heard<T> {
  readonly at: number;
  readonly said: T;
}

/** What services and executors said about themselves lately. Only what was heard is kept: nothing here is durable. */
export class LiveStatus {
  readonly #services = new Map<string, Heard<ServiceStatus>>();
  readonly #executors = new Map<string, Heard<ExecutorHeartbeat>>();
  readonly #clock: () => number;

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  onService(said: ServiceStatus): void {
    this.#services.set(said.instance, { at: this.#clock(), said });
  }

  onExecutor(said: ExecutorHeartbeat): void {
    this.#executors.set(said.executorId, { at: this.#clock(), said });
  }

  /** Instances heard lately, by service. */
  services(): readonly ServiceStatus[] {
    return this.#recent(this.#services).sort((a, b) =>
      compare(`${a.service} ${a.startedAt}`, `${b.service} ${b.startedAt}`),
    );
  }

  /** Executors heard lately, by name. */
  executors(): readonly ExecutorHeartbeat[] {
    return this.#recent(this.#executors).sort((a, b) => compare(a.name, b.name));
  }

  #recent<T>(heard: Map<string, Heard<T>>): T[] {
    const since = this.#clock() - HEARD_FOR_MS;
    for (const [key, { at }] of heard) if (at < since) heard.delete(key);
    return [...heard.values()].map(({ said }) => said);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
