/**
 * The value below which a share of the samples lies (nearest rank).
 * @param share 0 … 1
 * @throws when there are no samples
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('a percentile of nothing');
  return value;
}

/** Which way a figure gets better: rates rise, times and sizes fall. */
export type Better = 'more' | 'less';

/**
 * The best of several windows: what the machine can do when nothing else disturbs it.
 * @throws when there are no windows
 */
export function best(values: readonly number[], better: Better): number {
  if (values.length === 0) throw new Error('the best of nothing');
  return better === 'more' ? Math.max(...values) : Math.min(...values);
}
