import { METRICS } from '@anime/contracts/telemetry';
import { counter, histogram, type Registry } from '@anime/service-runtime';
import type { AttemptObserver } from '../attempt/attempt-run.js';

/** Counts and times attempts. @returns what the attempts of one executor tell */
export function attemptMetrics(registry: Registry): (executor: string) => AttemptObserver {
  const attempts = counter(registry, METRICS.attempts);
  const prompts = histogram(registry, METRICS.promptDuration);
  const waits = histogram(registry, METRICS.queueWait);
  return (executor) => ({
    executed: () => attempts.inc({ executor, outcome: 'executed', class: '' }),
    failed: (failureClass) => attempts.inc({ executor, outcome: 'failed', class: failureClass }),
    waited: (seconds) => waits.observe({ executor }, seconds),
    prompted: (seconds) => prompts.observe({ executor }, seconds),
  });
}
