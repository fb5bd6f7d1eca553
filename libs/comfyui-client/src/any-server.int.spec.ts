import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ApiGraph } from '@anime/contracts';
import { eventually } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ComfyClient, type PromptLook, type SubmitResult } from './comfy-client.js';
import { ComfySocket, type Hint } from './comfy-socket.js';
import { FileMissingError } from './errors.js';
import { filesOf } from './output-files.js';
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
} from './testing/any-server.js';
import { cachedNodes, verdictOf } from './verdict.js';

/** Of what the server is asked for. */
const LIMIT = { timeoutMs: 120_000 };

let server: AnyServer;
let client: ComfyClient;
let socket: ComfySocket;

beforeAll(async () => {
  server = await anyServer();
  client = new ComfyClient({ baseUrl: server.url });
  socket = new ComfySocket({ baseUrl: server.url });
  expect(await socket.ready(10_000)).toBe(true);
}, 60_000);
afterAll(async () => {
  socket.close();
  await client.close();
  await server[Symbol.asyncDispose]();
});

interface Submitted {
  readonly promptId: string;
  readonly result: SubmitResult;
  readonly hints: Hint[];
}

async function submit(graph: ApiGraph): Promise<Submitted> {
  const promptId = randomUUID();
  const hints: Hint[] = [];
  socket.follow(promptId, (hint) => hints.push(hint));
  const result = await client.submit({ graph, promptId, clientId: socket.clientId, tags: { anime: { test: RUN } } });
  return { promptId, result, hints };
}

type Ended = Extract<PromptLook, { readonly state: 'ended' }>;
const whenEnded = (promptId: string): Promise<Ended> =>
  eventually(
    async () => {
      const look = await client.look(promptId);
      return look.state === 'ended' ? look : undefined;
    },
    { what: 'the prompt has ended', ...LIMIT },
  );

async function run(graph: ApiGraph): Promise<Submitted & { readonly ended: Ended['ended'] }> {
  const submitted = await submit(graph);
  expect(submitted.result).toMatchObject({ kind: 'queued' });
  return { ...submitted, ...(await whenEnded(submitted.promptId)) };
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
/** Width and height of a PNG, from its first chunk. */
function sizeOf(png: Buffer): [number, number] {
  expect(png.subarray(0, 8)).toEqual(PNG);
  return [png.readUInt32BE(16), png.readUInt32BE(20)];
}

describe(`ComfyUI at ${SERVER_NAME}`, () => {
  it('says what it is, and describes its nodes in forms that are all known', async () => {
    const { system, devices } = await client.systemStats();
    expect(system.comfyui_version).toMatch(/^\d+\.\d+/);
    expect(devices.length).toBeGreaterThan(0);
    const { classes, unreadable } = await client.objectInfo();
    expect([...unreadable]).toEqual([]);
    expect(classes.size).toBeGreaterThan(20);
    expect((await client.nodeDefinition('SaveImage'))?.isOutputNode).toBe(true);
    expect(await client.nodeDefinition('NoSuchNode')).toBeUndefined();
  });

  it(
    'runs a prompt under the id that it is given, tells it over the websocket, and has its picture',
    async () => {
      const { promptId, ended, hints } = await run(plainGraph(`anime-test/${RUN}/picture`, 96));
      expect(verdictOf(ended)).toEqual({ kind: 'success' });
      const files = filesOf(ended, '2');
      expect(files).toMatchObject([{ subfolder: `anime-test/${RUN}`, type: 'output' }]);
      for (const file of files) expect(sizeOf(await buffer(client.download(file)))).toEqual([96, 96]);
      const said = await eventually(
        () => {
          const types = hints.flatMap((hint) => (hint.kind === 'message' ? [hint.message] : []));
          return types.some(({ type, data }) => type === 'executing' && data.node === null) ? types : undefined;
        },
        { what: 'its end is told', ...LIMIT },
      );
      expect(said.every(({ data }) => data.prompt_id === promptId)).toBe(true);
      expect(said.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['execution_start', 'execution_cached', 'executing', 'executed', 'execution_success']),
      );
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'answers the same graph from its cache, with the file of the run before',
    async () => {
      const graph = plainGraph(`anime-test/${RUN}/cached`);
      const [first, again] = [await run(graph), await run(graph)];
      expect(cachedNodes(first.ended)).toEqual([]);
      expect([...cachedNodes(again.ended)].sort()).toEqual(['1', '2']);
      expect(filesOf(again.ended, '2')).toEqual(filesOf(first.ended, '2'));
    },
    ANY_SERVER_LIMIT_MS,
  );

  it('refuses what it cannot run with the node and the reason, and keeps nothing of it', async () => {
    const unknown = await submit({ ...plainGraph('x'), '3': { class_type: 'NoSuchNode', inputs: {} } });
    expect(unknown.result).toMatchObject({ kind: 'refused', refusal: { error: { type: 'missing_node_type' } } });
    const incomplete = await submit({ '2': { class_type: 'SaveImage', inputs: { filename_prefix: 'x' } } });
    expect(incomplete.result).toMatchObject({
      kind: 'refused',
      refusal: { node_errors: { '2': { errors: [{ type: 'required_input_missing' }] } } },
    });
    const half = await submit({
      ...plainGraph('x'),
      '4': { class_type: 'SaveImage', inputs: { filename_prefix: 'x' } },
    });
    expect(half.result).toMatchObject({ kind: 'partly-refused', nodeErrors: { '4': {} } });
    await client.cancel(half.promptId);
    for (const { promptId } of [unknown, incomplete]) expect(await client.look(promptId)).toEqual({ state: 'absent' });
  });

  it(
    'takes a picture under the name that it says, and gives it to a graph',
    async () => {
      const { ended } = await run(plainGraph(`anime-test/${RUN}/source`, 48));
      const [file] = filesOf(ended, '2');
      if (file === undefined) throw new Error('no picture was made');
      const bytes = await buffer(client.download(file));
      const uploaded = await client.uploadImage({
        name: `anime-test-${RUN}.png`,
        bytes: Readable.from([bytes]),
        overwrite: true,
      });
      expect(await buffer(client.download(uploaded))).toEqual(bytes);
      const inverted = await run({
        '1': { class_type: 'LoadImage', inputs: { image: uploaded.filename } },
        '2': { class_type: 'ImageInvert', inputs: { image: ['1', 0] } },
        '3': { class_type: 'SaveImage', inputs: { images: ['2', 0], filename_prefix: `anime-test/${RUN}/inverted` } },
      });
      const [other] = filesOf(inverted.ended, '3');
      if (other === undefined) throw new Error('no picture was made');
      expect(sizeOf(await buffer(client.download(other)))).toEqual([48, 48]);
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'stops a prompt that waits and one that runs, and no other',
    async () => {
      const [running, waiting, other] = [
        await submit(laboriousGraph('anime-test/laborious')),
        await submit(laboriousGraph('anime-test/laborious')),
        await submit(plainGraph('y')),
      ];
      await eventually(async () => (await client.look(running.promptId)).state === 'running', {
        what: 'it runs',
        ...LIMIT,
      });
      expect((await client.queue()).pending.map(({ promptId }) => promptId)).toEqual(
        expect.arrayContaining([waiting.promptId, other.promptId]),
      );
      await client.cancel(waiting.promptId);
      await eventually(async () => (await client.look(waiting.promptId)).state === 'absent', {
        what: 'it is gone',
        ...LIMIT,
      });
      expect((await client.look(running.promptId)).state).toBe('running');
      await client.cancel(running.promptId);
      expect(verdictOf((await whenEnded(running.promptId)).ended)).toEqual({ kind: 'interrupted' });
      expect(verdictOf((await whenEnded(other.promptId)).ended)).toEqual({ kind: 'success' });
    },
    ANY_SERVER_LIMIT_MS,
  );

  it(
    'knows no prompt and no file that never were, and forgets its cache when it is told to',
    async () => {
      expect(await client.look(randomUUID())).toEqual({ state: 'absent' });
      const missing = { filename: `${RUN}.png`, subfolder: '', type: 'output' };
      await expect(buffer(client.download(missing))).rejects.toThrow(FileMissingError);
      const graph = plainGraph(`anime-test/${RUN}/freed`);
      await run(graph);
      await client.free({ unloadModels: true, freeMemory: true });
      const again = await run(graph);
      expect(verdictOf(again.ended)).toEqual({ kind: 'success' });
      expect(cachedNodes(again.ended)).toEqual([]);
    },
    ANY_SERVER_LIMIT_MS,
  );

  const checkpoint = CHECKPOINT;
  if (checkpoint !== undefined)
    it(
      `samples with ${checkpoint}, step by step`,
      async () => {
        const { ended, hints } = await run(samplingGraph(checkpoint, `anime-test/${RUN}/sampled`));
        expect(verdictOf(ended)).toEqual({ kind: 'success' });
        const [file] = filesOf(ended, '6');
        if (file === undefined) throw new Error('no picture was made');
        expect(sizeOf(await buffer(client.download(file)))).toEqual([64, 64]);
        const steps = hints.flatMap((hint) =>
          hint.kind === 'message' && hint.message.type === 'progress' ? [hint.message.data.value] : [],
        );
        expect(steps).toEqual(steps.toSorted((one, other) => one - other));
        expect(steps.at(-1)).toBe(4);
      },
      10 * ANY_SERVER_LIMIT_MS,
    );
});
