import { createHash } from 'node:crypto';
import { ComfyClient } from '@anime/comfyui-client';
import {
  ANY_SERVER_LIMIT_MS,
  anyServer,
  CHECKPOINT,
  laboriousGraph,
  plainGraph,
  RUN,
  samplingGraph,
  SERVER_NAME,
  type AnyServer,
} from '@anime/comfyui-client/testing';
import {
  ExecutorEnvironmentChangedV1,
  JobAttemptFailedV2,
  JobDeclinedV1,
  JobExecutedV2,
  JobStartedV2,
  type ApiGraph,
} from '@anime/contracts';
import { DONE } from '@anime/messaging';
import { eventually, useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { ExecutorLife } from './testing/executor-harness.js';
import { runnerHarness, type RunnerHarness } from './testing/runner-harness.js';

const nats = useNats();
let harness: RunnerHarness;
let server: AnyServer;
let client: ComfyClient;
beforeAll(async () => {
  harness = await runnerHarness((await nats.server()).url);
  server = await anyServer();
  client = new ComfyClient({ baseUrl: server.url });
}, 60_000);
afterAll(async () => {
  await client.close();
  await server[Symbol.asyncDispose]();
  await harness[Symbol.asyncDispose]();
});

/** The one that saves, in the graphs for any server that need no model. */
const SAVED = [{ node: '2', kind: 'image' as const, role: 'main', filenamePrefixInput: 'filename_prefix' }];
const accept = (graph: ApiGraph, more: object = {}): Promise<string> =>
  harness.jobs.accept({ graph, outputs: SAVED, ...more });
/** As long as a server without a GPU may take. */
const life = () => harness.life(server.url, { timeoutMs: 30_000 });

describe(`an executor of ComfyUI at ${SERVER_NAME}`, () => {
  it(
    'registers, tells what runs there, and its attempts name that environment',
    async () => {
      await using whole = await ExecutorLife.start(harness, server.url);
      const jobId = await whole.jobs.accept({ graph: plainGraph('x'), outputs: SAVED });
      expect(await whole.run(await whole.jobs.assign(jobId, 1, { vramGb: 0 }))).toEqual(DONE);
      expect(await whole.jobs.trail(jobId)).toEqual(['started', 'executed']);
      const environment = (await whole.last(ExecutorEnvironmentChangedV1))?.data;
      const { system } = await client.systemStats();
      expect(environment).toMatchObject({ comfyuiVersion: system.comfyui_version });
      expect(environment?.nodeDefinitions.classes).toBeGreaterThan(20);
      expect((await whole.jobs.fact(JobStartedV2, jobId)).environment).toBe(environment?.environment);
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'keeps a picture with the hash of its bytes and of its pixels; run again, what was cached is told',
    async () => {
      const { jobs } = harness;
      const graph = plainGraph('x', 96);
      const jobId = await accept(graph);
      const one = life();
      expect(await one.run(await jobs.assign(jobId, 1, { vramGb: 0 }))).toEqual(DONE);
      expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
      const executed = await jobs.fact(JobExecutedV2, jobId);
      expect(executed).toMatchObject({ cached: false, cachedNodes: [], models: [] });
      const [output] = executed.outputs;
      const bytes = await harness.blobs.get(output?.blob ?? '');
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(output?.blob);
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 96, height: 96 });
      expect(output?.pixelSha256).toMatch(/^[0-9a-f]{64}$/);

      const again = await accept(graph);
      expect(await one.run(await jobs.assign(again, 1, { vramGb: 0 }))).toEqual(DONE);
      // The picture is the same; it is saved in a folder of its own.
      const second = await jobs.fact(JobExecutedV2, again);
      expect(second).toMatchObject({ cached: false, cachedNodes: ['1'] });
      expect(second.outputs[0]?.pixelSha256).toBe(output?.pixelSha256);
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'gives the server a picture that a graph loads',
    async () => {
      const { jobs } = harness;
      const png = await sharp({ create: { width: 48, height: 32, channels: 3, background: `#${RUN.slice(0, 6)}` } })
        .png()
        .toBuffer();
      const { sha256 } = await harness.blobs.put(png);
      const name = `${sha256}.png`;
      const file = { parameter: 'image', blob: sha256, name, size: png.length, mediaType: 'image/png' };
      const jobId = await accept(
        {
          '1': { class_type: 'LoadImage', inputs: { image: name } },
          '3': { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
          '2': { class_type: 'SaveImage', inputs: { images: ['3', 0], filename_prefix: 'x' } },
        },
        { inputs: [file] },
      );
      expect(await life().run(await jobs.assign(jobId, 1, { vramGb: 0 }))).toEqual(DONE);
      expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
      const [output] = (await jobs.fact(JobExecutedV2, jobId)).outputs;
      const inverted = await sharp(await harness.blobs.get(output?.blob ?? ''))
        .removeAlpha()
        .raw()
        .toBuffer();
      const wanted = await sharp(png).removeAlpha().negate().raw().toBuffer();
      expect(inverted).toHaveLength(wanted.length);
      // A server computes in float32 and cuts off: of most values one less is left.
      const low = [...wanted].map((value, at) => value - (inverted[at] ?? 0));
      expect([0, 1]).toEqual(expect.arrayContaining([...new Set(low)]));
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'hands back what the server has no node for, and fails what it refuses, with the node named',
    async () => {
      const { jobs } = harness;
      const one = life();
      const lacking = await accept({ ...plainGraph('x'), '9': { class_type: 'SaveImages', inputs: {} } });
      await one.run(await jobs.assign(lacking, 1, { vramGb: 0 }));
      expect(await jobs.trail(lacking)).toEqual(['declined']);
      const declined = await jobs.fact(JobDeclinedV1, lacking);
      expect(declined).toMatchObject({ reason: 'missing-node', evidence: { nodeId: '9', nodeType: 'SaveImages' } });
      expect(declined.message).toContain('SaveImage');
      const refused = await accept({ '2': { class_type: 'SaveImage', inputs: { filename_prefix: 'x' } } });
      await one.run(await jobs.assign(refused, 1, { vramGb: 0 }));
      expect(await jobs.fact(JobAttemptFailedV2, refused)).toMatchObject({
        class: 'invalid',
        evidence: { nodeId: '2', nodeType: 'SaveImage' },
      });
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'stops a job that is cancelled, and not the one that waits behind it',
    async () => {
      const { jobs } = harness;
      const one = life();
      const [runs, waits] = [await accept(laboriousGraph('x')), await accept(plainGraph('x'))];
      const assigned = await jobs.assign(runs, 1, { vramGb: 0 });
      const first = one.run(assigned);
      await eventually(async () => (await client.look(assigned.data.promptId)).state === 'running', {
        what: 'it runs',
        timeoutMs: 60_000,
      });
      const second = one.run(await jobs.assign(waits, 1, { vramGb: 0 }));
      expect(await one.run(await jobs.orderCancel(runs))).toEqual(DONE);
      await Promise.all([first, second]);
      expect(await jobs.trail(runs)).toEqual(['started', 'attempt-failed']);
      expect(await jobs.fact(JobAttemptFailedV2, runs)).toMatchObject({ class: 'cancelled' });
      expect(await jobs.trail(waits)).toEqual(['started', 'executed']);
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'that ends while its prompt runs leaves it to the next life, which sends nothing',
    async () => {
      const { jobs } = harness;
      const jobId = await accept(laboriousGraph('x'));
      const assigned = await jobs.assign(jobId, 1, { vramGb: 0 });
      const { promptId } = assigned.data;
      const one = life();
      const run = one.run(assigned);
      await eventually(async () => (await client.look(promptId)).state === 'running', {
        what: 'it runs',
        timeoutMs: 60_000,
      });
      one.drain();
      expect(await run).toMatchObject({ kind: 'retry' });
      const next = life();
      expect(await next.run(assigned)).toEqual(DONE);
      expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
      const { outputs } = await jobs.fact(JobExecutedV2, jobId);
      expect(outputs).toHaveLength(1);
    },
    ANY_SERVER_LIMIT_MS,
  );

  const checkpoint = CHECKPOINT;
  if (checkpoint !== undefined)
    it(
      `samples with ${checkpoint}; its progress only grows`,
      async () => {
        const { jobs } = harness;
        const outputs = SAVED.map((output) => ({ ...output, node: '6' }));
        const jobId = await jobs.accept({ graph: samplingGraph(checkpoint, `x ${RUN}`), outputs });
        const one = life();
        expect(await one.run(await jobs.assign(jobId, 1, { vramGb: 0 }))).toEqual(DONE);
        expect(await jobs.trail(jobId)).toEqual(['started', 'executed']);
        const { models } = await jobs.fact(JobExecutedV2, jobId);
        expect(models.map(({ name }) => name)).toEqual([checkpoint]);
        const shares = one.progress.map(({ fraction }) => fraction);
        expect(shares).toEqual(shares.toSorted((a, b) => a - b));
        expect(shares.at(-1)).toBe(1);
      },
      10 * ANY_SERVER_LIMIT_MS,
    );
});
