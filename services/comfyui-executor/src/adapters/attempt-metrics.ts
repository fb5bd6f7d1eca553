import { METRICS } from '@anime/contracts/telemetry';
import { counter, gauge, histogram, type Registry } from '@anime/service-runtime';
import type { AttemptObserver } from '../attempt/attempt-run.js';
import type { GpuMemory } from '../domain/attempt/memory.js';

/** Counts and times attempts. @returns what the attempts of one executor tell */
export function attemptMetrics(registry: Registry): (executor: string) => AttemptObserver {
  const attempts = counter(registry, METRICS.attempts);
  const prompts = histogram(registry, METRICS.promptDuration);
  const waits = histogram(registry, METRICS.queueWait);
  return (executor) => ({
    executed: () => attempts.inc({ executor, outcome: 'executed', class: '' }),
    declined: (reason) => attempts.inc({ executor, outcome: 'declined', class: reason }),
    failed: (failureClass) => attempts.inc({ executor, outcome: 'failed', class: failureClass }),
    waited: (seconds) => waits.observe({ executor }, seconds),
    prompted: (seconds) => prompts.observe({ executor }, seconds),
  });
}

/** Shows the memory of GPUs. @returns what one executor tells when it has read it */
export function gpuMetrics(registry: Registry): (executor: string) => (memory: GpuMemory) => void {
  const bytes = gauge(registry, METRICS.gpuMemory);
  return (executor) =>
    ({ total, free }) => {
      bytes.set({ executor, figure: 'total' }, total);
      bytes.set({ executor, figure: 'free' }, free);
    };
}
