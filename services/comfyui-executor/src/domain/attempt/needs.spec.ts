import { describe, expect, it } from '@jest/globals';
import type { ApiGraph } from '@anime/contracts';
import { missingModelIn, missingNodeIn, modelsLoaded, modelUses, type KnownClass } from './needs.js';

const CLASSES: Readonly<Record<string, KnownClass>> = {
  Loader: {
    isOutputNode: false,
    combos: [{ input: 'ckpt_name', values: ['a.safetensors', 'folder/b'], isUpload: false }],
  },
  Sampler: { isOutputNode: false, combos: [{ input: 'sampler_name', values: ['euler'], isUpload: false }] },
  LoadImage: { isOutputNode: false, combos: [{ input: 'image', values: ['x.png'], isUpload: true }] },
  Remote: { isOutputNode: false, combos: [{ input: 'name', values: undefined, isUpload: false }] },
  Save: { isOutputNode: true, combos: [] },
};
const definitions = (name: string): KnownClass | undefined => CLASSES[name];

function graph(inputs: ApiGraph[string]['inputs'], classType = 'Loader'): ApiGraph {
  return {
    '1': { class_type: classType, inputs },
    '2': { class_type: 'Save', inputs: { images: ['1', 0] } },
  };
}

it('a class that the server does not have is found, also where no output needs it', () => {
  expect(missingNodeIn(graph({}), definitions)).toBeUndefined();
  const extra = { ...graph({}), '7': { class_type: 'Nowhere', inputs: {} } };
  expect(missingNodeIn(extra, definitions)).toEqual({ nodeId: '7', classType: 'Nowhere' });
});

describe('missingModelIn', () => {
  it('names node, input and what there is', () => {
    expect(missingModelIn(graph({ ckpt_name: 'c.safetensors' }), definitions)).toEqual({
      node: '1',
      classType: 'Loader',
      input: 'ckpt_name',
      wanted: 'c.safetensors',
      available: ['a.safetensors', 'folder/b'],
    });
  });

  it.each<[string, ApiGraph]>([
    ['a model that is listed', graph({ ckpt_name: 'a.safetensors' })],
    ['a value that is no model', graph({ sampler_name: 'bogus' }, 'Sampler')],
    ['a picture', graph({ image: 'c.bin' }, 'LoadImage')],
    ['a list that the server does not tell', graph({ name: 'c.safetensors' }, 'Remote')],
    ['a link', graph({ ckpt_name: ['2', 0] })],
    [
      'a node that no output needs',
      { ...graph({}), '7': { class_type: 'Loader', inputs: { ckpt_name: 'c.safetensors' } } },
    ],
  ])('leaves %s alone', (_, given) => {
    expect(missingModelIn(given, definitions)).toBeUndefined();
  });
});

it('the models of a graph are what is called as a model or listed among models, each once', () => {
  const given: ApiGraph = {
    ...graph({ ckpt_name: 'a.safetensors', lora: 'l.safetensors' }),
    '3': { class_type: 'Loader', inputs: { ckpt_name: 'folder/b' } },
    '4': { class_type: 'Sampler', inputs: { sampler_name: 'euler', ckpt: 'a.safetensors' } },
  };
  const uses = [...modelUses(given, definitions)].map(([name, nodes]) => [name, [...nodes]]);
  expect(uses).toEqual([
    ['a.safetensors', ['1', '4']],
    ['l.safetensors', ['1']],
    ['folder/b', ['3']],
  ]);
});

it('a run loads the models of the nodes that it ran: of none that was cached, nor of what only such a node needs', () => {
  const given: ApiGraph = {
    '1': { class_type: 'Loader', inputs: { ckpt_name: 'a.safetensors' } },
    '2': { class_type: 'Sampler', inputs: { model: ['1', 0], lora: 'l.safetensors' } },
    '3': { class_type: 'Save', inputs: { images: ['2', 0], vae: 'v.safetensors' } },
    '4': { class_type: 'Loader', inputs: { ckpt_name: 'unneeded.safetensors' } },
    '5': { class_type: 'Save', inputs: { lora: 'l.safetensors' } },
  };
  const loaded = (...cached: string[]): readonly string[] => [...modelsLoaded(given, definitions, new Set(cached))];
  expect(loaded()).toEqual(['a.safetensors', 'l.safetensors', 'v.safetensors']);
  expect(loaded('1')).toEqual(['l.safetensors', 'v.safetensors']);
  expect(loaded('2')).toEqual(['v.safetensors']);
  expect(loaded('5')).toEqual(['a.safetensors', 'v.safetensors']);
});
