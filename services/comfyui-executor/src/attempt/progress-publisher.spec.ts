import { describe, expect, it } from '@jest/globals';
import type { PromptMessage } from '@anime/comfyui-client';
import type { ApiGraph, Progress } from '@anime/contracts';
import fc from 'fast-check';
import { NodeDurations } from '../domain/attempt/node-durations.js';
import { progressWeights } from '../domain/attempt/progress-weights.js';
import { ProgressPublisher } from './progress-publisher.js';

const GRAPH: ApiGraph = {
  '1': { class_type: 'CheckpointLoaderSimple', inputs: {} },
  '2': { class_type: 'Expanding', inputs: {} },
  '12:3': { class_type: 'KSampler', inputs: { steps: 20 } },
  '4': { class_type: 'SaveImage', inputs: {} },
};
const PROMPT = 'prompt';
/** The graph's own nodes, one of a subgraph, what they expanded into, and ids that nobody knows. */
const node = fc.constantFrom('1', '2', '12:3', '4', '2.0.0.1', '2.0.0.3', '2.0.0.3.0.0.1', '12:3.0.0.1', '99', '');
const amount = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(-1, 0.5, 1e9));
const nodeProgress = fc.record({
  value: fc.option(amount),
  max: fc.option(amount),
  state: fc.constantFrom('pending', 'running', 'finished', 'error'),
  node_id: node,
});
const of = <T extends PromptMessage['type'], D extends object>(
  type: T,
  data: { [K in keyof D]: fc.Arbitrary<D[K]> },
): fc.Arbitrary<{ type: T; data: D & { prompt_id: string } }> =>
  fc.record(data).map((rest) => ({ type, data: { prompt_id: PROMPT, ...(rest as D) } }));
const message: fc.Arbitrary<PromptMessage> = fc.oneof(
  of('execution_start', {}),
  of('execution_cached', { nodes: fc.array(node) }),
  of('executing', { node: fc.option(node), display_node: fc.option(node) }),
  of('progress', { node: fc.option(node), value: amount, max: amount }),
  of('progress_state', { nodes: fc.dictionary(node, nodeProgress) }),
  of('executed', { node }),
  of('execution_success', {}),
  of('execution_error', {}),
  of('execution_interrupted', {}),
);

function publisher(durations = new NodeDurations(), resumed = false) {
  const published: Progress[] = [];
  const weights = progressWeights(GRAPH, {}, durations);
  const publish = (progress: Progress): void => void published.push(progress);
  const base = { jobId: 'job', attempt: 1, graph: GRAPH, weights, resumed, durations, publish };
  return { published, weights, publisher: new ProgressPublisher(base) };
}

describe('the progress that viewers are told', () => {
  it('never falls and is 1 at the end only, whatever messages come in whatever order', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), fc.boolean(), (messages, executed) => {
        const { published, publisher: told } = publisher();
        told.enter('waiting');
        for (const each of messages) told.onMessage(each);
        told.enter('downloading');
        told.enter('ended', executed);
        const fractions = published.map(({ fraction }) => fraction);
        expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
        expect(fractions.slice(0, -1).every((fraction) => fraction < 1)).toBe(true);
        expect(published.at(-1)).toMatchObject({ phase: 'ended' });
        expect(fractions.at(-1) === 1).toBe(executed);
      }),
    );
  });

  it('is, of an attempt that an earlier life of the process began, only what is beyond all that this can have told', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), fc.boolean(), (messages, executed) => {
        const { published, publisher: told } = publisher(new NodeDurations(), true);
        told.enter('waiting');
        for (const each of messages) told.onMessage(each);
        told.enter('running');
        told.enter('downloading');
        told.enter('ended', executed);
        for (const { fraction } of published) expect(fraction).toBeGreaterThanOrEqual(0.99);
        if (executed) expect(published.at(-1)).toMatchObject({ phase: 'ended', fraction: 1 });
      }),
    );
  });

  it('is the same for the next attempt whatever the one under way teaches', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const durations = new NodeDurations();
        const { weights, publisher: told } = publisher(durations);
        const before = { ...weights };
        for (const each of messages) told.onMessage(each);
        expect(weights).toEqual(before);
        const next = Object.values(progressWeights(GRAPH, {}, durations));
        expect(next.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
      }),
    );
  });

  it('counts a part of a node that expanded as part of it, and the node as done when it says so itself', () => {
    const state = (states: Record<string, [number, number, string]>): PromptMessage => ({
      type: 'progress_state',
      data: {
        prompt_id: PROMPT,
        nodes: Object.fromEntries(
          Object.entries(states).map(([id, [value, max, its]]) => [id, { value, max, state: its, node_id: id }]),
        ),
      },
    });
    const { published, weights, publisher: told } = publisher();
    const own = weights['2'] ?? 0;
    told.onMessage({ type: 'progress', data: { prompt_id: PROMPT, node: '2.0.0.1', value: 4, max: 4 } });
    expect(published.at(-1)).toMatchObject({ fraction: 0, node: '2', step: 4, steps: 4 });
    told.onMessage(state({ '2': [0, 1, 'running'], '2.0.0.1': [1, 1, 'finished'], '2.0.0.3': [0, 20, 'running'] }));
    told.enter('downloading');
    const parts = 0.9 * 0.5 * own;
    const { publisher: other, published: ended } = publisher();
    other.onMessage(state({ '2.0.0.1': [1, 1, 'finished'], '2.0.0.3': [0, 20, 'running'] }));
    expect(ended.at(-1)?.fraction).toBeCloseTo(parts, 10);
    const { publisher: last, published: done } = publisher();
    last.onMessage(state({ '2': [1, 1, 'finished'], '2.0.0.1': [1, 1, 'finished'] }));
    expect(done.at(-1)?.fraction).toBeCloseTo(own, 10);
  });

  it('teaches what each node took, a sampler by its steps', () => {
    const durations = new NodeDurations();
    const { publisher: told } = publisher(durations);
    const executing = (id: string | null): void =>
      told.onMessage({ type: 'executing', data: { prompt_id: PROMPT, node: id, display_node: id?.split('.')[0] } });
    executing('12:3');
    told.onMessage({ type: 'progress', data: { prompt_id: PROMPT, node: '12:3', value: 1, max: 20 } });
    executing('2');
    executing('2.0.0.1');
    expect(durations.expected('Expanding', null)).toBeUndefined();
    executing(null);
    const [whole, half] = [durations.expected('KSampler', 20) ?? 0, durations.expected('KSampler', 10) ?? 0];
    expect(half).toBeCloseTo(whole / 2, 6);
    expect(durations.expected('Expanding', null)).toBeGreaterThanOrEqual(0);
    executing('4');
    told.onMessage({ type: 'execution_error', data: { prompt_id: PROMPT } });
    executing(null);
    expect(durations.expected('SaveImage', null)).toBeUndefined();
  });
});
