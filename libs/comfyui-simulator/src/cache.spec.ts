import { describe, expect, it } from '@jest/globals';
import { cacheKeys, OutputCache } from './cache.js';
import type { Graph } from './graph.js';

const graph = (color: number, prefix = 'p', [image, save]: readonly [string, string] = ['1', '2']): Graph => ({
  [image]: { class_type: 'EmptyImage', inputs: { width: 64, color } },
  [save]: { class_type: 'SaveImage', inputs: { images: [image, 0], filename_prefix: prefix } },
});
const RESULT = { outputs: [] };

describe('cache keys', () => {
  it('do not depend on node ids, titles or the order of inputs', () => {
    const titled = graph(1, 'p', ['x', 'y']);
    titled['x']!._meta = { title: 'A picture' };
    titled['x']!.inputs = { color: 1, width: 64 };
    expect([...cacheKeys(titled).values()]).toEqual([...cacheKeys(graph(1)).values()]);
  });

  it('change with an input of the node itself and of any ancestor', () => {
    const [image, save] = [...cacheKeys(graph(1)).values()];
    const [otherImage, otherSave] = [...cacheKeys(graph(2)).values()];
    const [sameImage, renamedSave] = [...cacheKeys(graph(1, 'q')).values()];
    expect(otherImage).not.toBe(image);
    expect(otherSave).not.toBe(save);
    expect(sameImage).toBe(image);
    expect(renamedSave).not.toBe(save);
  });

  it('tell a linked value from a plain one that looks alike', () => {
    const linked: Graph = { '1': { class_type: 'A', inputs: { x: ['2', 0] } }, '2': { class_type: 'B', inputs: {} } };
    const plain: Graph = { '1': { class_type: 'A', inputs: { x: '2' } } };
    expect(cacheKeys(linked).get('1')).not.toBe(cacheKeys(plain).get('1'));
  });

  it('cannot be made for a node without inputs', () => {
    const broken = { ...graph(1), '9': { class_type: 'ImageInvert' } };
    expect(() => cacheKeys(JSON.parse(JSON.stringify(broken)) as Graph)).toThrow(TypeError);
  });
});

describe('the output cache', () => {
  it('finds a result of the last prompt under another node id', () => {
    const cache = new OutputCache();
    cache.begin(graph(1));
    cache.set('1', RESULT);
    cache.begin(graph(1, 'p', ['10', '20']));
    expect(cache.get('10')).toBe(RESULT);
    expect(cache.get('20')).toBeUndefined();
  });

  it('has forgotten A after A, B', () => {
    const cache = new OutputCache();
    cache.begin(graph(1));
    cache.set('1', RESULT);
    cache.begin(graph(2));
    cache.begin(graph(1));
    expect(cache.get('1')).toBeUndefined();
  });
});
