import { describe, expect, it } from '@jest/globals';
import { ExecutionOrder } from './execution-order.js';
import type { Graph } from './graph.js';

const node = (...sources: string[]): Graph[string] => ({
  class_type: 'Any',
  inputs: Object.fromEntries(sources.map((source, index) => [`input${index}`, [source, 0]])),
});
/** 1 feeds the output 5 and, through 2, the output 3. */
const GRAPH: Graph = { '1': node(), '2': node('1'), '3': node('2'), '5': node('1') };
const OUTPUTS = ['3', '5'];

function orderOf(graph: Graph, outputs: readonly string[], cached: readonly string[] = []): string[] {
  const order = new ExecutionOrder(
    graph,
    outputs,
    (id) => cached.includes(id),
    (id) => outputs.includes(id),
  );
  const ids: string[] = [];
  for (let id = order.next(); id !== undefined; id = order.next()) ids.push(id);
  return ids;
}

describe('the order of execution', () => {
  it('lets an output node go before other nodes that are ready', () => {
    expect(orderOf(GRAPH, OUTPUTS)).toEqual(['1', '5', '2', '3']);
  });

  it('leaves out what no wanted output needs', () => {
    expect(orderOf({ ...GRAPH, '9': node('1') }, ['5'])).toEqual(['1', '5']);
  });

  it('leaves out cached nodes and what only they need, but keeps cached outputs', () => {
    expect(orderOf(GRAPH, OUTPUTS, ['2'])).toEqual(['3', '1', '5']);
    expect(orderOf(GRAPH, OUTPUTS, ['1', '5'])).toEqual(['5', '2', '3']);
  });
});
