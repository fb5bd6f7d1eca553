import { SERVICES, type ServiceName } from '@anime/contracts';
import { SPANS, type MetricDefinition, type SpanDefinition } from '@anime/contracts/telemetry';
import type { ReceivedSpan } from '@anime/testing';

/** A span that was received, under its name in the catalogue. */
export interface EmittedSpan {
  readonly service: string;
  /** As in the catalogue, with placeholders; undefined when the catalogue has none of that name, kind and origin. */
  readonly definition: SpanDefinition | undefined;
  readonly name: string;
  readonly scope: string;
  readonly attributes: readonly string[];
}

/** A metric that `/metrics` showed: a family, or a family that has no series yet (then without labels). */
export interface EmittedMetric {
  readonly service: ServiceName;
  readonly name: string;
  readonly kind: MetricDefinition['kind'];
  /** Of its series; `service` and a histogram's `le` are left out. */
  readonly labels: readonly string[];
  /** Of each label, those that it was shown with. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** The metrics that all services show now, for a comparison with the catalogue or with what dashboards ask for. */
export async function emittedMetrics(urlOf: (service: ServiceName) => string): Promise<readonly EmittedMetric[]> {
  const metrics = await Promise.all(
    SERVICES.map(async (service) => metricsOf(service, await (await fetch(`${urlOf(service)}/metrics`)).text())),
  );
  return metrics.flat();
}

/** A received span under its name in the catalogue. */
export function emittedSpan({ name, kind, scope, resource, attributes }: ReceivedSpan): EmittedSpan {
  // `process batch` before `process {event}`.
  const definition = Object.values(SPANS as Readonly<Record<string, SpanDefinition>>)
    .filter((span) => span.kind === kind && (span.instrumentation ?? '@anime') === scope)
    .toSorted((one, other) => Number(other.name === name) - Number(one.name === name))
    .find((span) => patternOf(span).test(name));
  return { service: String(resource['service.name']), definition, name, scope, attributes: Object.keys(attributes) };
}

/** `publish {event}` is met by `publish job.requested`; the last placeholder may be missing. */
function patternOf({ name }: SpanDefinition): RegExp {
  const words = name.split(' ').map((word) => word.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '\\S+'));
  const last = words.length > 1 && name.endsWith('}') ? `( ${words.pop() ?? ''})?` : '';
  return new RegExp(`^${words.join(' ')}${last}$`);
}

const TYPE = /^# TYPE (\S+) (\S+)$/;
const SERIES = /^(\w+?)(?:_bucket|_sum|_count)?\{([^}]*)\}/;

/** Reads Prometheus' text format. */
function metricsOf(service: ServiceName, text: string): EmittedMetric[] {
  const found = new Map<string, { kind: MetricDefinition['kind']; labels: Map<string, Set<string>> }>();
  for (const line of text.split('\n')) {
    const [, declared = '', kind = ''] = TYPE.exec(line) ?? [];
    if (declared !== '') found.set(declared, { kind: kind as MetricDefinition['kind'], labels: new Map() });
    const [, family = '', labels = ''] = SERIES.exec(line) ?? [];
    const whole = line.split('{', 1)[0] ?? '';
    const metric = found.get(whole) ?? found.get(family);
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label === 'service' || label === 'le') continue;
      metric?.labels.set(label, (metric.labels.get(label) ?? new Set()).add(value));
    }
  }
  return [...found].map(([name, { kind, labels }]) => ({
    service,
    name,
    kind,
    labels: [...labels.keys()].toSorted(),
    values: Object.fromEntries([...labels].map(([label, values]) => [label, [...values]])),
  }));
}
