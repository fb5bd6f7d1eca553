/** @jest-environment ./libs/quality-metrics/jest/onnx-environment.mjs */
import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';

import { buildClassicalGraph } from './classical-graph.js';
import { encodeOnnxModel } from './onnx-model.js';
import { createScorer } from '../index.js';

/** The graph of version 1 of both metrics. A new hash means new figures: then the metrics need a new version too. */
const GRAPH_SHA256 = '5d0e6c4ed73ca6df6eddfde2e505669f411fc46b823bb466ec2ceb392edb8a82';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('the classical graph', () => {
  it('has the same bytes each time it is built, and the bytes that version 1 was released with', () => {
    expect(Buffer.from(buildClassicalGraph()).equals(Buffer.from(buildClassicalGraph()))).toBe(true);
    expect(sha256(buildClassicalGraph())).toBe(GRAPH_SHA256);
  });

  it('is named by the scores it gives', async () => {
    await using scorer = await createScorer();
    expect(scorer.graphSha256).toBe(sha256(buildClassicalGraph()));
  });
});

describe('the ONNX encoder', () => {
  it('refuses a constant whose values do not fill its shape', () => {
    const constants = [{ name: 'kernel', type: 'float64', shape: [3], values: [1, 2] }] as const;
    expect(() => encodeOnnxModel({ name: 'g', doc: '', inputs: [], outputs: [], constants, nodes: [] })).toThrow(
      'constant kernel has 2 values, its shape wants 3',
    );
  });
});
