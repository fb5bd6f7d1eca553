import { METRICS, type MetricDefinition } from '@anime/contracts/telemetry';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The service's own registry with Node's default metrics; add the service's to it with `counter`, `gauge`, `histogram`. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** A counter of the catalogue. */
export function counter<Label extends string>(
  registry: Registry,
  { name, help, labels }: MetricDefinition<'counter', Label>,
): Counter<Label> {
  return new Counter({ name, help, labelNames: labels, registers: [registry] });
}

/** A gauge of the catalogue. @param collect called whenever somebody asks */
export function gauge<Label extends string>(
  registry: Registry,
  { name, help, labels }: MetricDefinition<'gauge', Label>,
  collect?: (gauge: Gauge<Label>) => void,
): Gauge<Label> {
  const made: Gauge<Label> = new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    ...(collect === undefined ? {} : { collect: () => collect(made) }),
  });
  return made;
}

/** A histogram of the catalogue, with its buckets. */
export function histogram<Label extends string>(
  registry: Registry,
  { name, help, labels, buckets = [] }: MetricDefinition<'histogram', Label>,
): Histogram<Label> {
  return new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [registry] });
}

/** What a consumer tells about each message; the shape that the transport strategy's `observer` has. */
export interface ConsumerObserver {
  handled(consumer: string, outcome: string, seconds: number): void;
  skipped(consumer: string, status: string): void;
}

/** Counts what a service's consumers do. */
export function consumerObserver(registry: Registry): ConsumerObserver {
  const handled = counter(registry, METRICS.consumerHandled);
  const seconds = histogram(registry, METRICS.consumerHandling);
  const skipped = counter(registry, METRICS.consumerSkipped);
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
  readonly kind: string;
  readonly position: number | null;
  readonly lag: number | null;
  readonly state: string;
}

/** Shows where each consumer stands whenever somebody asks. */
export function exposeConsumers(registry: Registry, status: () => readonly ConsumerFigures[]): void {
  const expose = (
    definition: MetricDefinition<'gauge', 'consumer' | 'kind'>,
    figure: (consumer: ConsumerFigures) => number | null,
  ): void => {
    gauge(registry, definition, (shown) => {
      for (const consumer of status()) {
        const labels = { consumer: consumer.name, kind: consumer.kind };
        const value = figure(consumer);
        if (value === null) shown.remove(labels);
        else shown.set(labels, value);
      }
    });
  };
  expose(METRICS.consumerPosition, (consumer) => consumer.position);
  expose(METRICS.consumerLag, (consumer) => consumer.lag);
  expose(METRICS.consumerRunning, (consumer) => (consumer.state === 'running' ? 1 : 0));
  expose(METRICS.consumerStandby, (consumer) => (consumer.state === 'standby' ? 1 : 0));
}

/** Says which build runs, and whether NATS is connected. */
export function exposeProcess(registry: Registry, version: string, isConnected: () => boolean): void {
  gauge(registry, METRICS.buildInfo).set({ version, node: process.version }, 1);
  gauge(registry, METRICS.natsConnected, (shown) => shown.set(isConnected() ? 1 : 0));
}
