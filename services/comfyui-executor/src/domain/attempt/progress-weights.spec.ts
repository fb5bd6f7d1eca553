import { describe, expect, it } from '@jest/globals';
import type { ApiGraph } from '@anime/contracts';
import fc from 'fast-check';
import { NodeDurations } from './node-durations.js';
import { expectedMs, progressWeights } from './progress-weights.js';

const GRAPH: ApiGraph = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'x' } },
  '2': { class_type: 'KSampler', inputs: { steps: 20, model: ['1', 0] } },
  '3': { class_type: 'VAEDecode', inputs: { samples: ['2', 0] } },
  '4': { class_type: 'SaveImage', inputs: { images: ['3', 0] } },
};
const classType = fc.constantFrom('KSampler', 'CheckpointLoaderSimple', 'VAEDecode', 'SaveImage', 'Reroute', 'Own');
const graph: fc.Arbitrary<ApiGraph> = fc.dictionary(
  fc.constantFrom('1', '2', '12:3', '12:4', '7'),
  fc.record({
    class_type: classType,
    inputs: fc.record({
      steps: fc.oneof(fc.integer({ min: -1, max: 200 }), fc.constant<(string | number)[]>(['1', 0])),
    }),
  }),
  { minKeys: 1 },
);
const shares = fc.dictionary(fc.constantFrom('1', '2', '12:3', '99'), fc.double({ min: 0, max: 1, noNaN: true }));
const observations = fc.array(
  fc.tuple(classType, fc.double({ min: 0, max: 1e6, noNaN: true }), fc.option(fc.integer({ min: 0, max: 200 }))),
);

describe('the weights of a graph', () => {
  it('are shares of one whole, whatever the template says and whatever was learned', () => {
    fc.assert(
      fc.property(graph, shares, observations, (given, accepted, seen) => {
        const durations = new NodeDurations();
        for (const [node, ms, steps] of seen) durations.learn(node, ms, steps);
        const weights = progressWeights(given, accepted, durations);
        expect(Object.keys(weights).toSorted()).toEqual(Object.keys(given).toSorted());
        const values = Object.values(weights);
        for (const weight of values) expect(weight).toBeGreaterThanOrEqual(0);
        expect(values.reduce((total, weight) => total + weight, 0)).toBeCloseTo(1, 6);
      }),
    );
  });

  it("are the template's as long as nothing was learned", () => {
    const accepted = { '1': 0.1, '2': 0.8, '3': 0.1 };
    const weights = progressWeights(GRAPH, accepted, new NodeDurations());
    for (const [id, share] of Object.entries({ ...accepted, '4': 0 })) expect(weights[id]).toBeCloseTo(share, 10);
  });

  it('go by the kinds of the nodes where the template gives none: a sampler is most of the work', () => {
    const weights = progressWeights(GRAPH, {});
    expect(weights['2']).toBeGreaterThan(0.5);
    expect(weights['1']).toBeGreaterThan(weights['4'] ?? 1);
    const longer = progressWeights({ ...GRAPH, '2': { class_type: 'KSampler', inputs: { steps: 40 } } }, {});
    expect(longer['2']).toBeGreaterThan(weights['2'] ?? 1);
  });

  it('follow what nodes of the same classes took, a sampler by its steps', () => {
    const durations = new NodeDurations();
    durations.learn('CheckpointLoaderSimple', 5_000, null);
    durations.learn('KSampler', 1_000, 10);
    const weights = progressWeights(GRAPH, { '1': 0.1, '2': 0.8, '3': 0.05, '4': 0.05 }, durations);
    // 5 s of loading, 20 steps of 100 ms, and the rest in its old proportion to those two.
    expect((weights['1'] ?? 0) / (weights['2'] ?? 1)).toBeCloseTo(2.5, 10);
    expect((weights['3'] ?? 0) / (weights['1'] ?? 1)).toBeCloseTo((0.05 * (7_000 / 0.9)) / 5_000, 10);
  });
});

describe('what a prompt is expected to take', () => {
  it('is known once each class of its nodes has run, and goes by the steps that it asks for', () => {
    const durations = new NodeDurations();
    const classes = ['CheckpointLoaderSimple', 'VAEDecode', 'SaveImage'];
    for (const name of classes) durations.learn(name, 100, null);
    expect(expectedMs(GRAPH, durations)).toBeUndefined();
    durations.learn('KSampler', 1_000, 10);
    expect(expectedMs(GRAPH, durations)).toBeCloseTo(300 + 2_000, 6);
  });
});

describe('what is learned of durations', () => {
  it('follows a change within some attempts, and not at once', () => {
    const durations = new NodeDurations();
    durations.learn('VAEDecode', 100, null);
    durations.learn('VAEDecode', 1_000, null);
    const once = durations.expected('VAEDecode', null) ?? 0;
    expect(once).toBeGreaterThan(100);
    expect(once).toBeLessThan(1_000);
    for (let n = 0; n < 20; n += 1) durations.learn('VAEDecode', 1_000, null);
    expect(durations.expected('VAEDecode', null)).toBeCloseTo(1_000, -1);
  });

  it('is bounded: what was not seen for long is forgotten', () => {
    const durations = new NodeDurations();
    durations.learn('first', 1, null);
    for (let n = 0; n < 600; n += 1) durations.learn(`class ${n}`, 1, null);
    expect(durations.expected('first', null)).toBeUndefined();
    expect(durations.expected('class 599', null)).toBe(1);
  });
});
