import { METRICS } from '@anime/contracts/telemetry';
import { counter, gauge, type Registry } from '@anime/service-runtime';
import type { ViewersObserver } from '../viewers/viewers.js';

/** Counts what viewers get. */
export function viewersObserver(registry: Registry): ViewersObserver {
  const messages = counter(registry, METRICS.relayMessages);
  const coalesced = counter(registry, METRICS.relayCoalesced);
  const opened = counter(registry, METRICS.relayOpened);
  const dismissed = counter(registry, METRICS.relayDismissed);
  const invalid = counter(registry, METRICS.relayInvalid);
  return {
    opened: () => opened.inc(),
    dismissed: (code) => dismissed.inc({ code }),
    sent: (message) => {
      messages.inc({ type: message.type });
      if (message.type === 'progress' && message.from !== undefined) coalesced.inc();
    },
    invalid: () => invalid.inc(),
  };
}

/** Shows how many viewers there are, whenever somebody asks. */
export function exposeViewers(registry: Registry, count: () => number): void {
  gauge(registry, METRICS.relayViewers, (shown) => shown.set(count()));
}
