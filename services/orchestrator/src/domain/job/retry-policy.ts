import type { FailureClass } from '@anime/contracts';

/** Failures that may pass by themselves. */
export const RETRYABLE_CLASSES: ReadonlySet<FailureClass> = new Set<FailureClass>([
  'transient',
  'executor-lost',
  'timeout',
]);

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;

/**
 * Exponential back-off, half of it jitter, so that jobs which failed together do not come back together.
 * @param failedAttempt from 1
 * @param chance in [0, 1)
 * @returns milliseconds
 */
export function retryDelayMs(failedAttempt: number, chance: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failedAttempt - 1));
  return Math.round(full / 2 + (full / 2) * chance);
}
