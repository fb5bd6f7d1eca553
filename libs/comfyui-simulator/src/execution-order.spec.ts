import { describe, expect, it } from '@jest/globals';
import { ExecutionOrder, type NodeTraits } from './execution-order.js';
import type { Graph } from './graph.js';

const node = (...sources: string[]): Graph[string] => ({
  class_type: 'Any',
  inputs: Object.fromEntries(sources.map((source, index) => [`input${index}`, [source, 0]])),
});
/** 1 feeds the output 5 and, through 2, the output 3. */
const GRAPH: Graph = { '1': node(), '2': node('1'), '3': node('2'), '5': node('1') };
const OUTPUTS = ['3', '5'];

async function orderOf(graph: Graph, outputs: readonly string[], cached: readonly string[] = []): Promise<string[]> {
  const order = new ExecutionOrder(traitsOf(graph, outputs, cached), outputs);
  const ids: string[] = [];
  while (!order.isEmpty) {
    const id = await order.next();
    if (typeof id !== 'string') throw new Error(`cycle: ${id.cycle.join(' ')}`);
    order.done(id);
    ids.push(id);
  }
  return ids;
}

function traitsOf(graph: Graph, outputs: readonly string[], cached: readonly string[] = []): NodeTraits {
  return {
    inputs: (id) => graph[id]?.inputs ?? {},
    isCached: (id) => cached.includes(id),
    isOutput: (id) => outputs.includes(id),
    isAsync: () => false,
    isLazy: (_id, input) => input.startsWith('lazy'),
  };
}

describe('the order of execution', () => {
  it('lets an output node go before other nodes that are ready', async () => {
    expect(await orderOf(GRAPH, OUTPUTS)).toEqual(['1', '5', '2', '3']);
  });

  it('leaves out what no wanted output needs', async () => {
    expect(await orderOf({ ...GRAPH, '9': node('1') }, ['5'])).toEqual(['1', '5']);
  });

  it('leaves out cached nodes and what only they need, but keeps cached outputs', async () => {
    expect(await orderOf(GRAPH, OUTPUTS, ['2'])).toEqual(['3', '1', '5']);
    expect(await orderOf(GRAPH, OUTPUTS, ['1', '5'])).toEqual(['5', '2', '3']);
  });

  it('does not wait for lazy inputs until the node asks for them', async () => {
    const graph: Graph = { '1': node(), '2': { class_type: 'Any', inputs: { lazy: ['1', 0] } } };
    const order = new ExecutionOrder(traitsOf(graph, ['2']), ['2']);
    expect(await order.next()).toBe('2');
    order.waitFor('2', '1');
    expect(await order.next()).toBe('1');
    order.done('1');
    expect(await order.next()).toBe('2');
    order.done('2');
    expect(order.isEmpty).toBe(true);
  });

  it('names the nodes that wait for each other, and only those', async () => {
    const graph: Graph = {
      '1': { class_type: 'Any', inputs: { lazy: ['2', 0] } },
      '2': { class_type: 'Any', inputs: { input: ['1', 0] } },
      '3': node('2'),
    };
    const order = new ExecutionOrder(traitsOf(graph, ['3']), ['3']);
    expect(await order.next()).toBe('1');
    order.waitFor('1', '2');
    expect(await order.next()).toEqual({ cycle: ['2', '1'] });
  });

  it('goes on with other nodes while one waits for something outside, and waits when there is none', async () => {
    const order = new ExecutionOrder(traitsOf(GRAPH, OUTPUTS), ['3']);
    const happened = order.waitOutside('1');
    const next = order.next();
    happened();
    expect(await next).toBe('1');
  });
});
