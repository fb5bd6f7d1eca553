import { METRICS } from '@anime/contracts/telemetry';
import type { ScorerOptions } from '@anime/quality-metrics';
import { histogram, type Registry } from '@anime/service-runtime';

/** Times what the scorer does, in seconds. */
export interface ScorerMetrics {
  readonly onMetric: NonNullable<ScorerOptions['onMetric']>;
  readonly onPicture: (seconds: number) => void;
}

export function scorerMetrics(registry: Registry): ScorerMetrics {
  const metrics = histogram(registry, METRICS.metricScoring);
  const pictures = histogram(registry, METRICS.pictureScoring);
  return {
    onMetric: (metric, seconds) => metrics.observe({ metric }, seconds),
    onPicture: (seconds) => pictures.observe(seconds),
  };
}
