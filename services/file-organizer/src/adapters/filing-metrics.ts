import type { OrganisedFile } from '@anime/contracts';
import { METRICS } from '@anime/contracts/telemetry';
import { histogram, type Registry } from '@anime/service-runtime';

/** Times how long each file takes, in seconds. */
export function filingMetrics(registry: Registry): (role: OrganisedFile['role'], seconds: number) => void {
  const files = histogram(registry, METRICS.filing);
  return (role, seconds) => files.observe({ role }, seconds);
}
