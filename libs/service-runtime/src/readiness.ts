import { messageOf } from '@anime/problem-details';

/** `reason` may also explain an `ok`, e.g. `durability: unverified`. */
export interface CheckResult {
  readonly ok: boolean;
  readonly reason: string | null;
}

export interface ReadinessReport {
  readonly ready: boolean;
  readonly checks: readonly (CheckResult & { readonly name: string })[];
}

export type ReadinessCheck = () => CheckResult | Promise<CheckResult>;

/** What a service needs to be of use, each with a name and, when it is missing, the reason. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>();
  readonly #timeoutMs: number;
  #draining = false;

  /** @param timeoutMs how long one check may take before it counts as failed */
  constructor(timeoutMs = 1_000) {
    this.#timeoutMs = timeoutMs;
  }

  /** @throws Error when the name is taken */
  add(name: string, check: ReadinessCheck): void {
    if (this.#checks.has(name)) throw new Error(`there is a readiness check ${name} already`);
    this.#checks.set(name, check);
  }

  /** From now on not ready: the service is stopping. */
  drain(): void {
    this.#draining = true;
  }

  /** Runs all checks side by side; never throws, and takes no longer than the bound of one. */
  async report(): Promise<ReadinessReport> {
    const checks = await Promise.all(
      [...this.#checks].map(async ([name, check]) => ({ name, ...(await this.#run(check)) })),
    );
    if (this.#draining) checks.push({ name: 'draining', ok: false, reason: 'the service is stopping' });
    return { ready: checks.every((check) => check.ok), checks };
  }

  async #run(check: ReadinessCheck): Promise<CheckResult> {
    const { promise: late, resolve } = Promise.withResolvers<CheckResult>();
    const timer = setTimeout(
      () => resolve({ ok: false, reason: `no answer within ${this.#timeoutMs} ms` }),
      this.#timeoutMs,
    );
    try {
      return await Promise.race([Promise.resolve().then(check), late]);
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Less than what a check may take, so that the reason is this one. */
const LOG_ANSWER_MS = 700;

/**
 * The check that the log is there. NATS is asked each time: of a server that hangs, the client itself knows only after two
 * of its own pings, 20 seconds later.
 */
export function logCheck(log: {
  state(): { readonly connected: boolean; readonly reason: string | null };
  connected(): Promise<{ flush(): Promise<void> }>;
  refusal(): string | null;
}): ReadinessCheck {
  return async () => {
    const { connected, reason } = log.state();
    if (!connected) return { ok: false, reason };
    const { promise: late, resolve } = Promise.withResolvers<CheckResult>();
    const silent = { ok: false, reason: `NATS is connected and has not answered within ${LOG_ANSWER_MS} ms` };
    const timer = setTimeout(() => resolve(silent), LOG_ANSWER_MS);
    const answered = log
      .connected()
      .then((connection) => connection.flush()) // a ping and its answer
      .then(() => ({ ok: log.refusal() === null, reason: log.refusal() }));
    try {
      return await Promise.race([answered, late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
