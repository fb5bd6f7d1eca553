import { METRICS } from '@anime/contracts/telemetry';
import { counter, gauge, type Registry } from '@anime/service-runtime';
import type { OpenWork } from '../domain/open-work/open-work.js';

/** Counts what this process decides, by event type. */
export function decisionCounter(registry: Registry): (type: string) => void {
  const decisions = counter(registry, METRICS.decisions);
  return (event) => decisions.inc({ event });
}

/**
 * Shows the open jobs by state whenever somebody asks.
 * @param led the work of the orchestrator that leads; undefined while another one does: each job is counted once
 */
export function exposeOpenJobs(registry: Registry, led: () => OpenWork | undefined): void {
  gauge(registry, METRICS.openJobs, (shown) => {
    shown.reset();
    for (const [state, count] of led()?.countByStatus() ?? []) shown.set({ state }, count);
  });
}
