import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { MODEL_INPUTS } from '../model-files.js';
import { DEFINED_CLASSES, definitionOf } from './definitions.js';
import type { NodeEnvironment, NodeInfo } from './node-kind.js';
import { NODE_KINDS } from './registry.js';

const ENVIRONMENT: NodeEnvironment = {
  modelFiles: { checkpoints: ['one.safetensors'], upscale_models: ['4x.pth'], vae: ['some.vae'] },
  directories: { output: import.meta.dirname, input: import.meta.dirname, temp: import.meta.dirname },
};

describe('the node classes', () => {
  it('all have a definition and a behaviour', () => {
    expect([...NODE_KINDS.keys()].sort()).toEqual([...DEFINED_CLASSES].sort());
  });

  it('are as many as the README says', async () => {
    const readme = await readFile(join(import.meta.dirname, '..', '..', 'README.md'), 'utf8');
    expect(readme).toContain(`the ${NODE_KINDS.size} classes`);
  });

  it('describe themselves consistently', () => {
    for (const [name, kind] of NODE_KINDS) {
      const info: NodeInfo = kind.info(ENVIRONMENT);
      expect(info.name).toBe(name);
      for (const part of ['required', 'optional'] as const) {
        const order = (info['input_order'] as Record<string, string[]>)[part] ?? [];
        expect({ name, part, inputs: Object.keys(info.input[part] ?? {}) }).toEqual({ name, part, inputs: order });
      }
      expect({ name, names: (info['output_name'] as string[]).length }).toEqual({ name, names: info.output.length });
    }
  });

  it('list the files there are now, in either generation of the format', () => {
    const choices = (name: string, input: string): unknown => definitionOf(name)(ENVIRONMENT).input.required?.[input];
    expect(choices('CheckpointLoaderSimple', 'ckpt_name')).toEqual([['one.safetensors'], expect.anything()]);
    expect(choices('UpscaleModelLoader', 'model_name')).toEqual(['COMBO', { multiselect: false, options: ['4x.pth'] }]);
    expect(choices('VAELoader', 'vae_name')).toEqual([['some.vae', 'pixel_space']]);
    expect(choices('LoraLoader', 'lora_name')).toEqual([[], expect.anything()]);
  });

  it('name model folders only for widgets they have', () => {
    for (const [name, inputs] of Object.entries(MODEL_INPUTS)) {
      const { required = {} } = definitionOf(name)(ENVIRONMENT).input;
      for (const input of Object.keys(inputs))
        expect({ name, inputs: Object.keys(required) }).toMatchObject({ inputs: expect.arrayContaining([input]) });
    }
  });

  it('promise as many outputs as their lists say', () => {
    for (const [name, kind] of NODE_KINDS) {
      const info = kind.info(ENVIRONMENT);
      expect({ name, lists: (info['output_is_list'] as boolean[]).length }).toEqual({
        name,
        lists: info.output.length,
      });
    }
  });
});
