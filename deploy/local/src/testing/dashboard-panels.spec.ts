import { describe, expect, it } from '@jest/globals';
import { missingMetrics } from './dashboard-panels.js';
import type { EmittedMetric } from './emitted.js';

const SHOWN: readonly EmittedMetric[] = [
  { service: 'gateway', name: 'y_total', kind: 'counter', labels: ['event'], values: { event: ['e1'] } },
  { service: 'orchestrator', name: 'y_total', kind: 'counter', labels: ['event'], values: { event: ['e1', 'e2'] } },
  { service: 'gateway', name: 'x_seconds', kind: 'histogram', labels: ['route'], values: { route: ['/jobs'] } },
];
const missing = (query: string) => missingMetrics(query, SHOWN);

describe('what a panel asks for', () => {
  it.each([
    'sum by (event) (rate(y_total{service="orchestrator", event="e2"}[5m]))',
    'histogram_quantile(0.95, sum by (le, route) (rate(x_seconds_bucket[5m])))',
    'histogram_quantile(0.95, sum without (route) (rate(x_seconds_bucket[5m])))',
    'histogram_quantile(0.95, rate(x_seconds_bucket[5m]))',
  ])('is there: %s', (query) => {
    expect(missing(query)).toEqual([]);
  });

  it.each([
    ['a metric that nobody shows', 'z_total'],
    ['a label that nobody shows', 'y_total{route="/jobs"}'],
    ['one in quotes', 'y_total{"route"="/jobs"}'],
    ['a value that only another service shows', 'y_total{service="gateway", event="e2"}'],
    ['a quantile of sums', 'histogram_quantile(0.95, sum(rate(x_seconds_bucket[5m])))'],
    ['one without le', 'histogram_quantile(0.95, sum without (le) (rate(x_seconds_bucket[5m])))'],
    ['one grouped by something else', 'histogram_quantile(0.95, sum by (route) (rate(x_seconds_bucket[5m])))'],
    ['one of no buckets', 'histogram_quantile(0.95, rate(x_seconds_sum[5m]))'],
    ['labels made anew', 'label_replace(y_total, "to", "$1", "nolabel", "(.*)")'],
    ['no PromQL', 'sum by (event) (rate(y_total[5m])'],
  ])('is missed when it is %s', (_what, query) => {
    expect(missing(query)).not.toEqual([]);
  });
});
