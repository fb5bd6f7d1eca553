import { Counter, Gauge, type Registry } from 'prom-client';
import type { ViewersObserver } from '../viewers/viewers.js';

/** `anime_relay_messages_total` by type, `…_coalesced_total`, `…_viewers_opened_total`, `…_viewers_dismissed_total` by close code, `…_invalid_progress_total`. */
export function viewersObserver(registry: Registry): ViewersObserver {
  const registers = [registry];
  const messages = new Counter({
    name: 'anime_relay_messages_total',
    help: 'Messages sent to viewers, by type',
    labelNames: ['type'],
    registers,
  });
  const coalesced = new Counter({
    name: 'anime_relay_coalesced_total',
    help: 'Progress messages that stand for several',
    registers,
  });
  const opened = new Counter({ name: 'anime_relay_viewers_opened_total', help: 'Viewers that connected', registers });
  const dismissed = new Counter({
    name: 'anime_relay_viewers_dismissed_total',
    help: 'Viewers that the relay closed, by close code',
    labelNames: ['code'],
    registers,
  });
  const invalid = new Counter({
    name: 'anime_relay_invalid_progress_total',
    help: 'Progress messages that break their contract',
    registers,
  });
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

/** `anime_relay_viewers`, read whenever somebody asks. */
export function exposeViewers(registry: Registry, count: () => number): void {
  new Gauge({
    name: 'anime_relay_viewers',
    help: 'Viewers that are connected',
    registers: [registry],
    collect() {
      this.set(count());
    },
  });
}
