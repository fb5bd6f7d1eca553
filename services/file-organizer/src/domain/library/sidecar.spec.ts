import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { JobAcceptedV3, JobExecutedV2 } from '@anime/contracts';
import { canonicalJson } from '@anime/event-store';
import fc from 'fast-check';
import { checkpointsOf, sidecarOf, type SidecarSource } from './sidecar.js';

const JOB = '0193a000-0000-7000-8000-000000000001';
const golden = (name: string): unknown =>
  (
    JSON.parse(readFileSync(new URL(`../../../../../contracts/golden/${name}.json`, import.meta.url), 'utf8')) as {
      data: unknown;
    }
  ).data;
const accepted = JobAcceptedV3.data.parse(golden('job.accepted.v3'));
const executed = JobExecutedV2.data.parse(golden('job.executed.v2'));

function source(changes: Partial<SidecarSource> = {}): SidecarSource {
  const [output] = executed.outputs;
  if (output === undefined) throw new Error('the golden sample has no output');
  const { node, index, blob: sha256, size, mediaType } = output;
  return {
    jobId: JOB,
    executedEventId: '0193a000-0000-7000-8000-000000000017',
    executedAt: '2026-11-20T12:00:17.000Z',
    executed,
    accepted,
    graph: { '1': { class_type: 'CheckpointLoaderSimple', inputs: { ckpt_name: 'anime-v1.safetensors' } } },
    output,
    filed: {
      role: 'output',
      path: 'unorganized/images/20261120/x.png',
      sha256,
      size,
      mediaType,
      width: 512,
      height: 768,
      frames: 1,
      node,
      index,
    },
    ...changes,
  };
}

describe('a sidecar', () => {
  it('says what made the file, and what the file is', () => {
    expect(sidecarOf(source())).toEqual({
      format: 'anime-sidecar/1',
      job: JOB,
      attempt: 2,
      project: '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10',
      type: 'image',
      template: { id: 'text-to-image', version: 1 },
      parameters: accepted.parameters,
      seed: 42,
      graph: { sha256: executed.graphHash, variant: 'normal' },
      checkpoints: ['anime-v1.safetensors'],
      models: [{ name: 'simulated-anime-v1.safetensors', sha256: 'e'.repeat(64) }],
      executor: executed.executorId,
      cached: false,
      cachedNodes: ['1'],
      node: '7',
      index: 0,
      role: 'final',
      output: {
        file: 'x.png',
        sha256: 'a'.repeat(64),
        pixelSha256: 'f'.repeat(64),
        size: 412345,
        mediaType: 'image/png',
        width: 512,
        height: 768,
        frames: 1,
      },
      requestedAt: '2026-11-20T12:00:11.000Z',
      executedAt: '2026-11-20T12:00:17.000Z',
      executedEvent: '0193a000-0000-7000-8000-000000000017',
    });
  });

  it('leaves out what is not known', () => {
    const { width: _width, height: _height, frames: _frames, ...filed } = source().filed;
    const [output] = executed.outputs.map((one) => ({ ...one, pixelSha256: null }));
    const untold = { ...executed, models: [], cachedNodes: [] };
    const none = { accepted: { ...accepted, project: null }, executed: untold, graph: undefined, filed };
    const sidecar = sidecarOf(source({ ...none, ...(output === undefined ? {} : { output }) }));
    for (const name of ['models', 'cachedNodes']) expect(sidecar).not.toHaveProperty(name);
    expect(sidecar).not.toHaveProperty('checkpoints');
    expect(sidecar).not.toHaveProperty('project');
    expect(Object.keys(sidecar.output)).toEqual(['file', 'sha256', 'size', 'mediaType']);
  });

  it('names a model without its content where nobody could read that', () => {
    const models = [{ name: 'style.safetensors', sha256: null }];
    expect(sidecarOf(source({ executed: { ...executed, models } }))).toMatchObject({
      models: [{ name: 'style.safetensors' }],
    });
  });

  it('names the project of a job that has one', () => {
    const project = '5d1f7f0c-7c0e-5a53-9b3a-2f6d0f5c9a10';
    for (const slug of ['demo-film', null]) {
      const ofProject = { ...accepted, project: { id: project, slug } };
      expect(sidecarOf(source({ accepted: ofProject }))).toHaveProperty('project', project);
    }
  });

  it('has one form in bytes, whatever order its parameters came in', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())), (parameters) => {
        const reversed = Object.fromEntries(Object.entries(parameters).toReversed());
        const [one, other] = [parameters, reversed].map((values) =>
          canonicalJson(sidecarOf(source({ accepted: { ...accepted, parameters: values } }))),
        );
        expect(one).toBe(other);
      }),
    );
  });
});

describe('the checkpoints of a graph', () => {
  it('are each named once, in the order of their names; a linked name is not known', () => {
    const loader = (name: string | [string, number]) => ({
      class_type: 'CheckpointLoaderSimple',
      inputs: { ckpt_name: name },
    });
    expect(checkpointsOf({ '1': loader('b'), '2': loader('a'), '3': loader('b'), '4': loader(['9', 0]) })).toEqual([
      'a',
      'b',
    ]);
  });
});
