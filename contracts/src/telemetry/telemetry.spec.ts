import { describe, expect, it } from '@jest/globals';
import { METRICS, type MetricDefinition } from './metrics.js';
import { SPANS, spanName, type SpanDefinition } from './spans.js';

const metrics: readonly MetricDefinition[] = Object.values(METRICS);
const spans: readonly SpanDefinition[] = Object.values(SPANS);

describe('the catalogue of metrics', () => {
  it('names each once, the way Prometheus does', () => {
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
    for (const { name, kind } of metrics) {
      expect(name).toMatch(/^anime_[a-z]+(_[a-z]+)*$/);
      expect({ name, total: name.endsWith('_total') }).toEqual({ name, total: kind === 'counter' });
      if (kind === 'histogram') expect(name).toMatch(/_seconds$/);
    }
  });

  it('labels nothing by ids, and gives each histogram rising buckets', () => {
    for (const { kind, labels, buckets } of metrics) {
      for (const label of labels) expect(label).not.toMatch(/id$|job|prompt|path|file/);
      expect((buckets ?? []).toSorted((one, other) => one - other)).toEqual(buckets ?? []);
      expect(buckets !== undefined).toBe(kind === 'histogram');
    }
  });
});

describe('the catalogue of spans', () => {
  it('names each once', () => {
    expect(new Set(spans.map(({ name }) => name)).size).toBe(spans.length);
  });

  it('fills the placeholders of a name; one without a value falls away', () => {
    expect(spanName(SPANS.publish, { event: 'job.requested' })).toBe('publish job.requested');
    expect(spanName(SPANS.request, { method: 'GET' })).toBe('GET');
  });
});
