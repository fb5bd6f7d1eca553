import { setTimeout as delay } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Completes the sentence "never happened: …", for example `the job is completed`. */
  readonly what: string;
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Default 20 ms. */
  readonly intervalMs?: number;
}

type Falsy = false | 0 | '' | null | undefined;

/**
 * Asks `condition` until it answers something truthy and returns that. A condition that throws counts as not yet; its
 * last error is the cause of the failure. For tests that can only look; where an event or a position can be awaited, do that.
 *
 * @throws Error naming what never happened, with the last answer.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions,
): Promise<Exclude<T, Falsy>> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    let cause: unknown;
    try {
      const answer = await condition();
      if (isTruthy(answer)) return answer;
      last = answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const detail =
        cause === undefined
          ? `last answer: ${JSON.stringify(last)}`
          : `last error: ${cause instanceof Error ? cause.message : JSON.stringify(cause)}`;
      throw new Error(`never happened within ${timeoutMs} ms: ${options.what} (${detail})`, { cause });
    }
    await delay(options.intervalMs ?? 20);
  }
}

function isTruthy<T>(value: T): value is Exclude<T, Falsy> {
  return Boolean(value);
}
