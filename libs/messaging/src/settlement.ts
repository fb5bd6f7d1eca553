import { ProblemError } from '@anime/problem-details';
import type { Outcome, ReactorRow } from './consumer-table.js';

/** What the loop does with a message. */
export type Settlement =
  | { readonly kind: 'ack' }
  | { readonly kind: 'again'; readonly delayMs: number; readonly error: unknown }
  | { readonly kind: 'park'; readonly error: unknown };

/** A throw is a retry, unless the error says that a repeat makes no sense. */
export function outcomeOfThrow(error: unknown): Outcome {
  return error instanceof ProblemError && !error.retryable ? { kind: 'park', error } : { kind: 'retry', error };
}

/**
 * @param attempts how often the message has been tried, this time included
 */
export function settlementOf(
  outcome: Outcome,
  attempts: number,
  row: Pick<ReactorRow, 'backoffMs' | 'maxDeliveries'>,
): Settlement {
  switch (outcome.kind) {
    case 'done':
      return { kind: 'ack' };
    case 'park':
      return { kind: 'park', error: outcome.error };
    case 'retry':
      if (row.maxDeliveries !== undefined && attempts >= row.maxDeliveries)
        return { kind: 'park', error: outcome.error };
      return { kind: 'again', delayMs: outcome.delayMs ?? backoffOf(attempts, row.backoffMs), error: outcome.error };
  }
}

const DEFAULT_BACKOFF_MS = 1_000;

/** The delay behind the n-th try, from 1; the last one of the list repeats. */
export function backoffOf(attempts: number, backoffMs: readonly number[]): number {
  return backoffMs[Math.min(Math.max(attempts, 1), backoffMs.length) - 1] ?? DEFAULT_BACKOFF_MS;
}
