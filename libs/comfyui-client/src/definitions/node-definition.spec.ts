import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { AnyJson, parseServerJson, type JsonValue } from '../server-json.js';
import {
  canonicalDefinitions,
  canonicalDefinitionsInPieces,
  definitionsHash,
  withoutFolderLists,
} from './definitions-hash.js';
import { parseInputSpec, type InputSpec } from './input-spec.js';
import {
  nodeDefinitionJson,
  parseNodeDefinitions,
  readNodeDefinitions,
  type NodeDefinition,
} from './node-definition.js';

/** Classes of a real server: at least one for every form, option and type of option that its 938 classes use. */
const file = new URL('../../fixtures/recorded-object-info.json', import.meta.url);
const recorded = z.record(z.string(), z.record(z.string(), AnyJson)).parse(parseServerJson(readFileSync(file, 'utf8')));
const { classes, unreadable } = parseNodeDefinitions(recorded);

function node(classType: string): NodeDefinition {
  const found = classes.get(classType);
  if (found === undefined) throw new Error(`no class ${classType}`);
  return found;
}

function input(classType: string, name: string): InputSpec {
  const { required, optional } = node(classType).inputs;
  const found = [...required, ...optional].find((spec) => spec.name === name);
  if (found === undefined) throw new Error(`no input ${name} of ${classType}`);
  return found;
}

function everyInput(specs: readonly InputSpec[]): InputSpec[] {
  return specs.flatMap((spec) => {
    const inner =
      spec.kind === 'dynamic-combo'
        ? spec.choices.map(({ inputs }) => inputs)
        : spec.kind === 'autogrow'
          ? [spec.template.inputs]
          : [];
    return [spec, ...inner.flatMap(({ required, optional }) => everyInput([...required, ...optional]))];
  });
}

const Specs = z.record(z.string(), AnyJson);
const Sections = z.looseObject({ required: Specs.optional(), optional: Specs.optional() });

/** `["IMAGE"]` and `["IMAGE", {}]` say the same, at any depth. */
function withOptions(sections: unknown): Record<string, unknown> {
  const spec = (value: JsonValue): unknown => {
    const [type, options = {}] = z.tuple([AnyJson]).rest(AnyJson).parse(value);
    const wire = z.record(z.string(), AnyJson).parse(options);
    if (type === 'COMFY_DYNAMICCOMBO_V3') {
      const choices = z.array(z.looseObject({ inputs: Sections })).parse(wire['options']);
      return [type, { ...wire, options: choices.map((choice) => ({ ...choice, inputs: withOptions(choice.inputs) })) }];
    }
    if (type === 'COMFY_AUTOGROW_V3') {
      const template = z.looseObject({ input: Sections }).parse(wire['template']);
      return [type, { ...wire, template: { ...template, input: withOptions(template.input) } }];
    }
    return [type, wire];
  };
  return Object.fromEntries(
    Object.entries(Sections.parse(sections))
      .filter(([section]) => section === 'required' || section === 'optional')
      .map(([section, specs]) => [
        section,
        Object.fromEntries(Object.entries(Specs.parse(specs)).map(([name, value]) => [name, spec(value)])),
      ]),
  );
}

const Wire = z.looseObject({
  input: z.looseObject({ hidden: z.record(z.string(), z.union([z.string(), z.tuple([z.string()])])).default({}) }),
  input_order: z.record(z.string(), z.array(z.string())),
  is_input_list: z.union([z.boolean(), z.array(z.boolean())]),
  output: z.array(z.string()),
  output_is_list: z.array(z.boolean().nullable()),
  output_tooltips: z.array(z.string().nullable()).nullish(),
  output_matchtypes: z.array(z.string().nullable()).nullish(),
});

/** The recorded form with what a class may leave out, and in one of the two forms that some things have. */
function asWritten(wire: unknown): unknown {
  const value = Wire.parse(wire);
  const none = value.output.map(() => null);
  const hidden = Object.entries(value.input.hidden).map(([name, type]) => [name, [type].flat()[0]]);
  return {
    deprecated: false,
    experimental: false,
    api_node: false,
    dev_only: false,
    display_name: null,
    ...value,
    input: { ...withOptions(value.input), hidden: Object.fromEntries(hidden) as unknown },
    input_order: { required: [], optional: [], hidden: [], ...value.input_order },
    is_input_list: [value.is_input_list].flat().includes(true),
    output_is_list: value.output_is_list.map((flag) => flag ?? false),
    output_tooltips: value.output_tooltips?.slice(0, value.output.length) ?? none,
    output_matchtypes: value.output_matchtypes ?? none,
  };
}

describe('the definitions of a real server', () => {
  it('are all read, every input in a form that is known', () => {
    expect([...unreadable]).toEqual([]);
    expect(classes.size).toBe(Object.keys(recorded).length);
    const inputs = [...classes.values()].flatMap(({ inputs: { required, optional } }) =>
      everyInput([...required, ...optional]),
    );
    expect(inputs.filter(({ kind }) => kind === 'other')).toEqual([]);
    expect(new Set(inputs.map(({ kind }) => kind))).toEqual(
      new Set(['int', 'float', 'string', 'boolean', 'combo', 'dynamic-combo', 'autogrow', 'match-type', 'link']),
    );
  });

  it('lose nothing: each can be written again as it came', () => {
    for (const [classType, wire] of Object.entries(recorded))
      expect([classType, nodeDefinitionJson(node(classType))]).toEqual([classType, asWritten(wire)]);
  });

  it('tell a sampler’s widgets, links and output', () => {
    expect(input('KSampler', 'seed')).toMatchObject({
      kind: 'int',
      options: { default: 0, min: 0, control_after_generate: true },
    });
    expect(input('KSampler', 'cfg')).toMatchObject({
      kind: 'float',
      options: { default: 8, min: 0, max: 100, step: 0.1, round: 0.01 },
    });
    expect(input('KSampler', 'model')).toMatchObject({ kind: 'link', types: ['MODEL'] });
    expect(node('KSampler')).toMatchObject({
      displayName: 'KSampler',
      pythonModule: 'nodes',
      isOutputNode: false,
      takesLists: false,
      outputs: [{ type: 'LATENT', name: 'LATENT', isList: false, tooltip: 'The denoised latent.', matchType: null }],
    });
    expect(node('SaveImage')).toMatchObject({
      isOutputNode: true,
      inputs: {
        hidden: [
          { name: 'prompt', type: 'PROMPT' },
          { name: 'extra_pnginfo', type: 'EXTRA_PNGINFO' },
        ],
      },
    });
  });

  it('tell combos of both forms, and one whose list only the front end has', () => {
    expect(input('LoadImage', 'image')).toEqual({
      kind: 'combo',
      name: 'image',
      form: 'V1',
      values: ['example.png'],
      options: { image_upload: true },
    });
    expect(input('LtxvApiTextToVideo', 'fps')).toMatchObject({
      kind: 'combo',
      form: 'V3',
      values: [25, 50],
      options: { default: 25 },
    });
    expect(input('LoadImageOutput', 'image')).toMatchObject({
      values: undefined,
      options: { image_folder: 'output', remote: { route: '/internal/files/output' } },
    });
  });

  it('tell unions, raw links, and links that must be of one type', () => {
    expect(input('LTXVEmptyLatentAudio', 'frame_rate')).toMatchObject({
      kind: 'link',
      types: ['FLOAT', 'INT'],
      options: { widgetType: 'FLOAT', default: 25, min: 1 },
    });
    expect(input('TestForLoopClose', 'flow_control')).toMatchObject({ kind: 'link', options: { rawLink: true } });
    expect(input('ComfySwitchNode', 'on_false')).toMatchObject({
      kind: 'match-type',
      template: { template_id: 'switch', allowed_types: '*' },
      options: { lazy: true },
    });
    expect(node('ComfySwitchNode').outputs[0]).toMatchObject({ type: 'COMFY_MATCHTYPE_V3', matchType: 'switch' });
    expect(node('TestListToAccumulationNode').takesLists).toBe(true);
  });

  it('tell inputs that grow, and choices with inputs of their own', () => {
    const grows = input('CreateList', 'inputs');
    expect(grows.kind === 'autogrow' && grows.template).toMatchObject({
      prefix: 'input',
      min: 1,
      max: 10,
      inputs: { required: [{ kind: 'match-type', name: 'input' }] },
    });
    const chooses = everyInput(node('ByteDance2ReferenceNode').inputs.required).find(
      ({ kind }) => kind === 'dynamic-combo',
    );
    if (chooses?.kind !== 'dynamic-combo') throw new Error('no dynamic combo');
    expect(chooses.choices.length).toBeGreaterThan(1);
    expect(chooses.choices[0]?.inputs.required.length).toBeGreaterThan(0);
  });

  it('keep the order of the node’s form, even of names that are numbers', () => {
    const wire = {
      name: 'X',
      input: { required: { '1': ['INT'], b: ['INT'], '0': ['INT'] } },
      input_order: { required: ['b', '1', '0'] },
    };
    const read = parseNodeDefinitions({ X: wire }).classes.get('X');
    expect(read?.inputs.required.map(({ name }) => name)).toEqual(['b', '1', '0']);
  });
});

describe('what other servers may say', () => {
  it('hides no class behind one that cannot be read', () => {
    const odd = parseNodeDefinitions({ Odd: { input: 7 }, KSampler: recorded['KSampler'] });
    expect([...odd.classes.keys()]).toEqual(['KSampler']);
    expect(odd.unreadable.get('Odd')).toContain('input');
  });

  it.each([
    [['INT', { default: 'auto' }]],
    ['IMAGE'],
    [['INT', {}, 'third']],
    [[7]],
    [['COMBO', { options: 'a,b' }]],
    [['COMFY_DYNAMICCOMBO_V3', { options: [{ key: 1, inputs: {} }] }]],
    [['COMFY_AUTOGROW_V3', {}]],
    [null],
    [[]],
  ] as [JsonValue][])('keeps an input of a form that nobody knows as it came: %j', (spec) => {
    expect(parseInputSpec('x', spec)).toEqual({ kind: 'other', name: 'x', spec });
  });

  it('takes an infinite bound, which is bare in Python’s JSON', () => {
    const spec = z
      .array(AnyJson)
      .parse(parseServerJson('["FLOAT", {"default": 0.0, "min": -Infinity, "max": Infinity}]'));
    expect(parseInputSpec('x', spec)).toMatchObject({ kind: 'float', options: { min: null, max: null } });
  });

  it('reads any JSON at all as some input', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (type, options) => {
        const spec = z.array(AnyJson).parse([type, options]);
        expect(parseInputSpec('x', spec).name).toBe('x');
      }),
    );
  });
});

describe('the hash of definitions', () => {
  const hashWith = (classType: string, name: string, values: readonly JsonValue[]): string => {
    const wire = z.looseObject({ input: z.record(z.string(), Specs) }).parse(recorded[classType]);
    const [, options = {}] = z.array(AnyJson).parse(wire.input['required']?.[name]);
    const changed = {
      ...wire,
      input: { ...wire.input, required: { ...wire.input['required'], [name]: [values, options] } },
    };
    return definitionsHash(parseNodeDefinitions({ [classType]: changed }).classes.values());
  };

  it('is the same whatever lies in the input and model folders', () => {
    expect(hashWith('LoadImage', 'image', ['a.png', 'no ending'])).toBe(definitionsHash([node('LoadImage')]));
    expect(hashWith('CheckpointLoaderSimple', 'ckpt_name', ['sub/b.safetensors', 'c.ckpt'])).toBe(
      definitionsHash([node('CheckpointLoaderSimple')]),
    );
    expect(hashWith('VAELoader', 'vae_name', ['x.safetensors', 'taesd'])).toBe(definitionsHash([node('VAELoader')]));
    expect(canonicalDefinitions(classes.values())).not.toMatch(/example\.png|safetensors"/);
  });

  it('is of the same text when it is written piece by piece, in whatever order the classes come', async () => {
    const read = await readNodeDefinitions(recorded);
    expect([...read.classes]).toEqual([...classes]);
    expect([...read.unreadable]).toEqual([...unreadable]);
    const text = canonicalDefinitions(classes.values());
    expect(await canonicalDefinitionsInPieces(classes.values())).toBe(text);
    expect(await canonicalDefinitionsInPieces([...classes.values()].toReversed())).toBe(text);
    expect(await canonicalDefinitionsInPieces([])).toBe(canonicalDefinitions([]));
  });

  it('changes with a sampler, a bound, a class, and not with their order', () => {
    const before = definitionsHash([node('KSampler'), node('SaveImage')]);
    expect(definitionsHash([node('SaveImage'), node('KSampler')])).toBe(before);
    expect(definitionsHash([node('KSampler')])).not.toBe(before);
    expect(hashWith('KSampler', 'sampler_name', ['euler'])).not.toBe(definitionsHash([node('KSampler')]));
    expect(hashWith('KSampler', 'sampler_name', ['euler'])).not.toBe(
      hashWith('KSampler', 'sampler_name', ['euler', 'heun']),
    );
  });

  it('keeps what is no file of lists that have some', () => {
    const read = parseNodeDefinitions({ X: { name: 'X', input: { required: { m: [['None', 'a.safetensors', 2]] } } } });
    const [bare] = [...read.classes.values()].map(withoutFolderLists);
    expect(bare?.inputs.required).toMatchObject([{ values: ['None', 2] }]);
  });
});
