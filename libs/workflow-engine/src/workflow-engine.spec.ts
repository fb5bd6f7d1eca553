import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiGraph, TemplateManifest } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkTemplate, compileGraph, graphHash, resolveParameters, withSavePrefixes } from './index.js';

const WORKFLOWS = join(import.meta.dirname, '..', '..', '..', 'workflows');

function loadTemplate(slug: string): { manifest: TemplateManifest; graph: ApiGraph } {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(WORKFLOWS, slug, 'v1', name), 'utf8'));
  return { manifest: TemplateManifest.parse(read('manifest.json')), graph: ApiGraph.parse(read('graph.api.json')) };
}
const slugs = readdirSync(WORKFLOWS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const defaults = { drawSeed: () => 7 };

describe.each(slugs)('the built-in template %s', (slug) => {
  const { manifest, graph } = loadTemplate(slug);

  it('has a manifest that fits its graph', () => {
    expect(checkTemplate(manifest, graph)).toEqual([]);
    expect(manifest.id).toBe(slug);
  });

  it('binds every parameter to its targets and nothing else', () => {
    const resolved = resolveParameters(manifest, { prompt: 'a lighthouse', seed: 11 }, defaults);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.errors));
    const compiled = compileGraph(manifest, graph, resolved.parameters);
    const targets = new Set(manifest.parameters.flatMap((parameter) => parameter.targets));
    for (const [id, node] of Object.entries(compiled)) {
      for (const [input, value] of Object.entries(node.inputs)) {
        if (!targets.has(`${id}.${input}`)) expect(value).toEqual(graph[id]?.inputs[input]);
      }
    }
    for (const parameter of manifest.parameters) {
      for (const target of parameter.targets) {
        const [id = '', input = ''] = target.split('.');
        expect(compiled[id]?.inputs[input]).toBe(resolved.parameters[parameter.name]);
      }
    }
  });

  it('gives a graph whose hash ignores titles and save prefixes and nothing else', () => {
    const hash = graphHash(graph, manifest.outputs);
    expect(
      graphHash(
        withSavePrefixes(graph, manifest.outputs, (node) => `x/${node}`),
        manifest.outputs,
      ),
    ).toBe(hash);
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(graph)), fc.string(), (id, text) => {
        const node = graph[id];
        if (node === undefined) return;
        expect(graphHash({ ...graph, [id]: { ...node, _meta: { title: text } } }, manifest.outputs)).toBe(hash);
        const changed = { ...graph, [id]: { ...node, inputs: { ...node.inputs, added: text } } };
        expect(graphHash(changed, manifest.outputs)).not.toBe(hash);
      }),
    );
  });
});

describe('resolveParameters', () => {
  const { manifest } = loadTemplate('text-to-image');

  it('draws the seed once when none is given and says so', () => {
    expect(resolveParameters(manifest, { prompt: 'x' }, defaults)).toMatchObject({
      ok: true,
      seed: 7,
      seedSource: 'drawn',
    });
    expect(resolveParameters(manifest, { prompt: 'x', seed: 0 }, defaults)).toMatchObject({
      ok: true,
      seed: 0,
      seedSource: 'given',
    });
  });

  it('names every fault at once', () => {
    const result = resolveParameters(manifest, { prompt: '', width: 513, steps: '20', cfg: 99, nonsense: 1 }, defaults);
    expect(result.ok).toBe(false);
    if (!result.ok) {
      expect(result.errors.map((error) => error.parameter).sort()).toEqual([
        'cfg',
        'nonsense',
        'prompt',
        'steps',
        'width',
      ]);
    }
  });

  it('prefers the studio’s checkpoint to the template’s, and a given one to both', () => {
    const studio = { ...defaults, checkpoint: 'studio.safetensors' };
    expect(resolveParameters(manifest, { prompt: 'x' }, studio)).toMatchObject({
      parameters: { checkpoint: 'studio.safetensors' },
    });
    expect(resolveParameters(manifest, { prompt: 'x', checkpoint: 'mine.safetensors' }, studio)).toMatchObject({
      parameters: { checkpoint: 'mine.safetensors' },
    });
  });
});
