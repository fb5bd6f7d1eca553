import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiGraph, TemplateManifest, type InputFile } from '@anime/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  checkTemplate,
  compileGraph,
  compileVariants,
  graphHash,
  resolveParameters,
  withSavePrefixes,
} from './index.js';

const WORKFLOWS = join(import.meta.dirname, '..', '..', '..', 'workflows');

function loadTemplate(slug: string): { manifest: TemplateManifest; graph: ApiGraph; lowMemory: ApiGraph | undefined } {
  const read = (name: string): unknown => JSON.parse(readFileSync(join(WORKFLOWS, slug, 'v1', name), 'utf8'));
  const small = 'graph.low-memory.api.json';
  return {
    manifest: TemplateManifest.parse(read('manifest.json')),
    graph: ApiGraph.parse(read('graph.api.json')),
    lowMemory: existsSync(join(WORKFLOWS, slug, 'v1', small)) ? ApiGraph.parse(read(small)) : undefined,
  };
}
const slugs = readdirSync(WORKFLOWS, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const defaults = { drawSeed: () => 7 };

const PICTURE = 'ab'.repeat(32);
/** The picture that each parameter of role `image` names. */
function inputsOf(manifest: TemplateManifest): InputFile[] {
  return manifest.parameters
    .filter(({ role }) => role === 'image')
    .map(({ name }) => ({
      parameter: name,
      blob: PICTURE,
      name: `${PICTURE}.png`,
      size: 1,
      mediaType: 'image/png',
    }));
}
/** What a request for this template gives at least. */
function given(manifest: TemplateManifest): Record<string, unknown> {
  return {
    prompt: 'a lighthouse',
    ...Object.fromEntries(inputsOf(manifest).map(({ parameter }) => [parameter, PICTURE])),
  };
}

describe.each(slugs)('the built-in template %s', (slug) => {
  const { manifest, graph, lowMemory } = loadTemplate(slug);

  it('has a manifest that fits its graph', () => {
    expect(checkTemplate(manifest, graph, lowMemory)).toEqual([]);
    expect(manifest.id).toBe(slug);
  });

  it('binds every parameter to its targets and nothing else', () => {
    const resolved = resolveParameters(manifest, { ...given(manifest), seed: 11 }, defaults);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.errors));
    const inputs = inputsOf(manifest);
    const variants = compileVariants({ manifest, graph, lowMemory }, resolved.parameters, inputs);
    expect(variants.map(({ name }) => name)).toEqual(
      manifest.lowMemory === undefined ? ['normal'] : ['normal', 'low-memory'],
    );
    const targets = new Set(manifest.parameters.flatMap((parameter) => parameter.targets));
    for (const { name, graph: compiled, graphHash: hash } of variants) {
      const source = name === 'normal' ? graph : lowMemory;
      expect(hash).toBe(graphHash(compiled, manifest.outputs));
      for (const [id, node] of Object.entries(compiled)) {
        for (const [input, value] of Object.entries(node.inputs)) {
          if (!targets.has(`${id}.${input}`)) expect(value).toEqual(source?.[id]?.inputs[input]);
        }
      }
      for (const parameter of manifest.parameters) {
        for (const target of parameter.targets) {
          const [id = '', input = ''] = target.split('.');
          const file = inputs.find((one) => one.parameter === parameter.name);
          expect(compiled[id]?.inputs[input]).toBe(file?.name ?? resolved.parameters[parameter.name]);
        }
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

describe('a template that takes a picture', () => {
  const { manifest, graph, lowMemory } = loadTemplate('image-to-image');

  it('needs less memory in its second variant, which is another graph', () => {
    const resolved = resolveParameters(manifest, given(manifest), defaults);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.errors));
    const [normal, small] = compileVariants({ manifest, graph, lowMemory }, resolved.parameters, inputsOf(manifest));
    expect(small?.vramGb).toBeLessThan(normal?.vramGb ?? 0);
    expect(small?.graphHash).not.toBe(normal?.graphHash);
  });

  it.each([undefined, 'cat.png', PICTURE.toUpperCase(), 5])('does not take %p for one', (image) => {
    const resolved = resolveParameters(manifest, { ...given(manifest), image }, defaults);
    expect(resolved).toMatchObject({ ok: false, errors: [{ parameter: 'image' }] });
  });

  it('is not compiled without it', () => {
    const resolved = resolveParameters(manifest, given(manifest), defaults);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.errors));
    expect(() => compileGraph(manifest, graph, resolved.parameters, [])).toThrow(
      /image of image-to-image has no picture/,
    );
  });

  it('is not sound when its graphs differ in what the manifest names, or one is there of which nothing is said', () => {
    const { '4': _picture, ...without } = lowMemory ?? {};
    expect(checkTemplate(manifest, graph, without)).toEqual([
      'parameter image targets 4.image, which is not in the low-memory graph',
    ]);
    expect(checkTemplate(manifest, graph)).toEqual(['there is no low-memory graph']);
    const { lowMemory: _none, ...silent } = manifest;
    expect(checkTemplate(silent, graph, graph)).toEqual([
      'there is a low-memory graph, of which the manifest says nothing',
    ]);
    const bare = { ...manifest, nodeClasses: manifest.nodeClasses.filter((name) => name !== 'VAEDecodeTiled') };
    expect(checkTemplate(bare, graph, lowMemory)).toEqual([
      'nodeClasses leaves out VAEDecodeTiled of the low-memory graph',
    ]);
  });
});
