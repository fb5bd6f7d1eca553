import { DEFAULT_POSITION_WAIT_S } from '@anime/contracts/http';
import type { WaitOptions } from '@anime/projections';

/** `?after=` and `?wait=` of a request; seconds. */
export interface Waiting {
  readonly after?: number | undefined;
  readonly wait?: number | undefined;
}

/** A read-model as far as waiting for it goes. */
export interface Reached {
  waitFor(position: number, options: WaitOptions): Promise<void>;
}

/**
 * How long a read-model is waited for.
 * @param stopping ends the wait early
 */
export function patience(stopping: AbortSignal, wait = DEFAULT_POSITION_WAIT_S): WaitOptions {
  return { timeoutMs: wait * 1_000, signal: stopping };
}

/**
 * Waits until a read-model has passed the position of `after`, if there is one.
 * @throws ProblemError `position-not-reached`, `read-model-unavailable`
 */
export async function passed(reads: Reached, { after, wait }: Waiting, stopping: AbortSignal): Promise<void> {
  if (after !== undefined) await reads.waitFor(after, patience(stopping, wait));
}
