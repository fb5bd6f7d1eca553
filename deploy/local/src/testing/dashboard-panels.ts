import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReceivedSpan } from '@anime/testing';
import type { EmittedMetric } from './emitted.js';

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
  const grouped = [...query.matchAll(/\b(?:by|without) \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const asked = [...query.matchAll(/\b(anime_\w+)(?:\{([^}]*)\})?/g)];
  if (asked.length === 0) return [`${query} asks for no metric of ours`];
  return asked.flatMap(([, name = '', selector = '']) => {
    const family = name.replace(/_(?:bucket|sum|count)$/, '');
    const shown = metrics.filter((metric) =>
      metric.kind === 'histogram' ? metric.name === family : metric.name === name,
    );
    if (shown.length === 0) return [name];
    const labels = new Set([...COMMON_LABELS, ...shown.flatMap((metric) => metric.labels)]);
    if (name.endsWith('_bucket')) labels.add('le');
    const selected = [...selector.matchAll(/(\w+)(=~|=)"([^"]*)"/g)];
    return [
      ...[...grouped, ...selected.map(([, label = '']) => label)]
        .filter((label) => !labels.has(label))
        .map((label) => `${name}: ${label}`),
      ...selected
        .filter(([, label = '']) => label !== 'service')
        .filter(([, label = '', operator, wanted = '']) => {
          const values = shown.flatMap((metric) => metric.values[label] ?? []);
          const matches =
            operator === '='
              ? (value: string) => value === wanted
              : (value: string) => new RegExp(`^(?:${wanted})$`).test(value);
          return !values.some(matches);
        })
        .map(([text]) => `${name}: ${text}`),
    ];
  });
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
