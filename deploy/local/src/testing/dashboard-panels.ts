import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReceivedSpan } from '@anime/testing';
import type { EmittedMetric } from './emitted.js';
import { readPromql, type Selector } from './promql.js';

const FOLDER = fileURLToPath(new URL('../../../observability/grafana/dashboards', import.meta.url));
/** What Prometheus adds to each series itself, and what every service's registry does. */
const COMMON_LABELS = ['service', 'job', 'instance'];

/** What one panel of a dashboard asks for. */
export interface PanelQuery {
  readonly panel: string;
  readonly language: 'promql' | 'traceql';
  readonly query: string;
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly {
      readonly datasource: { readonly type: string };
      readonly expr?: string;
      readonly query?: string;
    }[];
  }[];
}

/** Every query of every committed dashboard. */
export async function dashboardQueries(): Promise<readonly PanelQuery[]> {
  const files = await readdir(FOLDER);
  const dashboards = await Promise.all(
    files.map(async (file) => JSON.parse(await readFile(path.join(FOLDER, file), 'utf8')) as Dashboard),
  );
  return dashboards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) =>
      panel.targets.map(({ datasource, expr, query }) => ({
        panel: `${title} / ${panel.title}`,
        language: datasource.type === 'tempo' ? ('traceql' as const) : ('promql' as const),
        query: expr ?? query ?? '',
      })),
    ),
  );
}

/** What a PromQL query asks for and no service showed: a metric, a label of it, or a label's value. */
export function missingMetrics(query: string, metrics: readonly EmittedMetric[]): readonly string[] {
  const asked = readPromql(query);
  if (asked === undefined) return [`${query} is no PromQL that this test can look up`];
  if (asked.selectors.length === 0) return [`${query} asks for no metric of ours`];
  return [
    ...asked.emptyQuantiles.map((quantile) => `${quantile} is not made of buckets by le`),
    ...asked.selectors.flatMap((selector) => missingOf(selector, asked.labels, metrics)),
  ];
}

function missingOf(
  { metric, matchers }: Selector,
  grouped: readonly string[],
  metrics: readonly EmittedMetric[],
): string[] {
  const [, family = '', suffix] = /^(.*?)(_bucket|_sum|_count)?$/.exec(metric) ?? [];
  const shown = metrics.filter(({ kind, name }) =>
    kind === 'histogram' ? suffix !== undefined && name === family : name === metric,
  );
  if (shown.length === 0) return [metric];
  const labels = new Set([...COMMON_LABELS, ...shown.flatMap((each) => each.labels)]);
  if (suffix === '_bucket') labels.add('le');
  const isShown = (each: EmittedMetric): boolean =>
    matchers.every(({ label, operator, value }) =>
      (label === 'service' ? [each.service] : (each.values[label] ?? [])).some((one) => isMatch(one, operator, value)),
    );
  return [
    ...[...grouped, ...matchers.map(({ label }) => label)]
      .filter((label) => !labels.has(label))
      .map((label) => `${metric}: ${label}`),
    // One service must show all that is asked for, not one this and another that.
    ...(shown.some(isShown)
      ? []
      : [`${metric}: ${matchers.map(({ label, operator, value }) => `${label}${operator}"${value}"`).join(', ')}`]),
  ];
}

function isMatch(value: string, operator: string, wanted: string): boolean {
  const is = operator.endsWith('~') ? new RegExp(`^(?:${wanted})$`).test(value) : value === wanted;
  return operator.startsWith('!') ? !is : is;
}

/** Whether a received span is one that a TraceQL query asks for; durations are not looked at. */
export function answersTraceQuery(query: string, span: ReceivedSpan): boolean {
  const conditions = query.replace(/^\{\s*|\s*\}$/g, '').split(/\s*&&\s*/);
  return conditions.every((condition) => {
    const [, field = '', operator = '', wanted = ''] = /^(\S+) (=~|=|>) "?([^"]*)"?$/.exec(condition) ?? [];
    if (field === 'duration') return true;
    if (field === 'status') return span.failed === (wanted === 'error');
    const value = field === 'name' ? span.name : String(span.resource[field.replace(/^resource\./, '')]);
    return operator === '=~' ? new RegExp(`^(?:${wanted})$`).test(value) : value === wanted;
  });
}
