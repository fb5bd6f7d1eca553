const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;

/**
 * Exponential back-off, half of it jitter, so that jobs which failed together do not come back together.
 * @param patience the n-th delay in a row, from 1
 * @param chance in [0, 1)
 * @returns milliseconds
 */
export function retryDelayMs(patience: number, chance: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (patience - 1));
  return Math.round(full / 2 + (full / 2) * chance);
}
