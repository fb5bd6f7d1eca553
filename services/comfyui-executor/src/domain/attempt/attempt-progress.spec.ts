import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  isWorthPublishing,
  nodeTitle,
  WAITING,
  withPhase,
  withReport,
  type ProgressReport,
} from './attempt-progress.js';

const WEIGHTS = { '3': 0.8, '4': 0.1, '8': 0.1 };
const node = fc.constantFrom('3', '4', '8', '9');
const report: fc.Arbitrary<ProgressReport> = fc.oneof(
  fc.record({ kind: fc.constant('cached' as const), nodes: fc.array(node) }),
  fc.record({ kind: fc.constant('node' as const), node }),
  fc.record({
    kind: fc.constant('nodes' as const),
    shares: fc.array(fc.record({ node, share: fc.double({ min: -1, max: 2, noNaN: true }) })),
  }),
  fc.record({
    kind: fc.constant('step' as const),
    node: fc.option(node),
    step: fc.double({ min: 0, max: 40, noNaN: true }),
    steps: fc.integer({ min: 0, max: 40 }),
    ofPart: fc.boolean(),
  }),
);

describe('withReport', () => {
  it('weighs a node by its share of the work and by its own steps', () => {
    const loaded = withReport(WAITING, { kind: 'nodes', shares: [{ node: '4', share: 1 }] }, WEIGHTS);
    expect(loaded).toMatchObject({ phase: 'running', fraction: 0.1 });
    const half = withReport(loaded, { kind: 'step', node: '3', step: 10, steps: 20, ofPart: false }, WEIGHTS);
    expect(half).toMatchObject({ node: '3', step: 10, steps: 20 });
    expect(half.fraction).toBeCloseTo(0.5, 10);
  });

  it('counts cached nodes as done', () => {
    expect(withReport(WAITING, { kind: 'cached', nodes: ['4', '8'] }, WEIGHTS).fraction).toBeCloseTo(0.2, 10);
  });

  it('forgets the step when another node begins, and keeps it when the same one is named again', () => {
    const stepped = withReport(WAITING, { kind: 'step', node: '3', step: 2, steps: 4, ofPart: false }, WEIGHTS);
    expect(withReport(stepped, { kind: 'node', node: '3' }, WEIGHTS)).toMatchObject({ step: 2, steps: 4 });
    expect(withReport(stepped, { kind: 'node', node: '8' }, WEIGHTS)).toMatchObject({
      node: '8',
      step: null,
      steps: null,
    });
  });

  it('shows no step of a node that has only one', () => {
    expect(withReport(WAITING, { kind: 'step', node: '4', step: 1, steps: 1, ofPart: false }, WEIGHTS)).toMatchObject({
      step: null,
      steps: null,
    });
  });

  it('never falls and never says more than 99 % before the end, whatever comes in whatever order', () => {
    fc.assert(
      fc.property(fc.array(report), (reports) => {
        let progress = WAITING;
        for (const next of reports) {
          const after = withReport(progress, next, WEIGHTS);
          expect(after.fraction).toBeGreaterThanOrEqual(progress.fraction);
          expect(after.fraction).toBeLessThanOrEqual(0.99);
          if (after.step !== null) expect(after.step).toBeLessThanOrEqual(after.steps ?? 0);
          progress = after;
        }
        expect(withPhase(progress, 'ended', true).fraction).toBe(1);
        expect(withPhase(progress, 'ended', false).fraction).toBe(progress.fraction);
      }),
    );
  });
});

describe('withPhase', () => {
  it('never goes back: a look that was under way when the prompt began to run changes nothing', () => {
    const running = withPhase(WAITING, 'running');
    expect(withPhase(running, 'waiting')).toBe(running);
    expect(withPhase(withPhase(running, 'downloading'), 'running')).toMatchObject({
      phase: 'downloading',
      fraction: 0.99,
    });
  });
});

describe('isWorthPublishing', () => {
  const running = { ...WAITING, phase: 'running' as const };
  it('passes every new phase at once', () => {
    expect(isWorthPublishing(WAITING, undefined, 0)).toBe(true);
    expect(isWorthPublishing(running, { progress: WAITING, atMs: 0 }, 1)).toBe(true);
  });

  it('holds back what is too soon or too little', () => {
    const last = { progress: { ...running, fraction: 0.5 }, atMs: 1_000 };
    expect(isWorthPublishing({ ...running, fraction: 0.6 }, last, 1_249)).toBe(false);
    expect(isWorthPublishing({ ...running, fraction: 0.502 }, last, 9_000)).toBe(false);
    expect(isWorthPublishing({ ...running, fraction: 0.503 }, last, 1_250)).toBe(true);
  });
});

describe('nodeTitle', () => {
  it('prefers the author’s title to the class', () => {
    const graph = {
      '3': { class_type: 'KSampler', inputs: {}, _meta: { title: 'Paint' } },
      '4': { class_type: 'VAEDecode', inputs: {} },
    };
    expect([nodeTitle(graph, '3'), nodeTitle(graph, '4'), nodeTitle(graph, '5'), nodeTitle(graph, null)]).toEqual([
      'Paint',
      'VAEDecode',
      null,
      null,
    ]);
  });
});
