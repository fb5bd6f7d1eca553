import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The service's own registry with Node's default metrics; add the service's to it (`registers: [registry]`). */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** What a consumer tells about each message; the shape that the transport strategy's `observer` has. */
export interface ConsumerObserver {
  handled(consumer: string, outcome: string, seconds: number): void;
  skipped(consumer: string, status: string): void;
}

/** Counts a service's consumers: `anime_consumer_handled_total`, `…_handling_seconds`, `…_skipped_total`. */
export function consumerObserver(registry: Registry): ConsumerObserver {
  const registers = [registry];
  const handled = new Counter({
    name: 'anime_consumer_handled_total',
    help: 'Messages or batches handled, by outcome',
    labelNames: ['consumer', 'outcome'],
    registers,
  });
  const seconds = new Histogram({
    name: 'anime_consumer_handling_seconds',
    help: 'How long a handler took',
    labelNames: ['consumer'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
    registers,
  });
  const skipped = new Counter({
    name: 'anime_consumer_skipped_total',
    help: 'Messages without effect: void, unknown, newer or fenced',
    labelNames: ['consumer', 'status'],
    registers,
  });
  return {
    handled: (consumer, outcome, duration) => {
      handled.inc({ consumer, outcome });
      seconds.observe({ consumer }, duration);
    },
    skipped: (consumer, status) => skipped.inc({ consumer, status }),
  };
}

interface ConsumerFigures {
  readonly name: string;
  readonly position: number | null;
  readonly lag: number | null;
  readonly state: string;
}

/** Gauges `anime_consumer_position`, `…_lag`, `…_running` and `…_standby` (1 or 0), read whenever somebody asks. */
export function exposeConsumers(registry: Registry, status: () => readonly ConsumerFigures[]): void {
  const gauge = (name: string, help: string, figure: (consumer: ConsumerFigures) => number | null): void => {
    new Gauge({
      name,
      help,
      labelNames: ['consumer'],
      registers: [registry],
      collect() {
        for (const consumer of status()) {
          const value = figure(consumer);
          if (value === null) this.remove({ consumer: consumer.name });
          else this.set({ consumer: consumer.name }, value);
        }
      },
    });
  };
  gauge('anime_consumer_position', 'Position in the log up to which it has read', (consumer) => consumer.position);
  gauge('anime_consumer_lag', 'Events still to be read', (consumer) => consumer.lag);
  gauge('anime_consumer_running', '1 when it runs', (consumer) => (consumer.state === 'running' ? 1 : 0));
  gauge('anime_consumer_standby', '1 while another process does its work', (consumer) =>
    consumer.state === 'standby' ? 1 : 0,
  );
}
