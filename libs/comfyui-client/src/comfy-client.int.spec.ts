import { randomUUID } from 'node:crypto';
import { createServer, request, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startSimulator, type Simulator } from '@anime/comfyui-simulator';
import type { ApiGraph } from '@anime/contracts';
import { eventually } from '@anime/testing';
import { ComfyClient, type PromptLook } from './comfy-client.js';
import { ComfySocket, type Hint } from './comfy-socket.js';
import { FileMissingError, UnexpectedAnswerError } from './errors.js';
import { filesOf, pathOf, type ServerFile } from './output-files.js';
import { samplingGraph } from './testing/any-server.js';
import { verdictOf } from './verdict.js';

let dir: string;
let simulator: Simulator;
const closing: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'comfyui-client-'));
  simulator = await startSimulator({ dataDir: dir, stepDelayMs: 5 });
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
afterAll(async () => {
  await simulator.close();
  await rm(dir, { recursive: true, force: true });
});

function client(baseUrl = simulator.url): ComfyClient {
  const made = new ComfyClient({ baseUrl, timeoutMs: 2_000 });
  closing.push(() => made.close());
  return made;
}

const graph = (steps: number, seed = 1): ApiGraph =>
  samplingGraph('simulated-anime-v1.safetensors', 'deep/er/take', { steps, seed });

const submission = (steps: number, seed?: number) => ({
  graph: graph(steps, seed),
  promptId: randomUUID(),
  clientId: randomUUID(),
  tags: { mine: 1 },
});

const untilState = (server: ComfyClient, promptId: string, state: PromptLook['state']): Promise<PromptLook> =>
  eventually(
    async () => {
      const look = await server.look(promptId);
      return look.state === state && look;
    },
    { what: `the prompt is ${state}` },
  );

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** A ComfyUI from before `/api/jobs`: its router answers those routes with aiohttp's plain 404. */
async function olderServer(): Promise<string> {
  const server: Server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/api/jobs') === true) {
      outgoing.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404: Not Found');
      return;
    }
    const { method, url, headers } = incoming;
    const onward = request(new URL(url ?? '/', simulator.url), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}`;
}

describe.each([
  ['a server with /api/jobs', () => Promise.resolve(simulator.url)],
  ['an older server', olderServer],
])('%s', (_, urlOf) => {
  it('takes a prompt, shows it running, waiting and ended, and gives its file out of a sub-folder', async () => {
    const server = client(await urlOf());
    const [first, second] = [submission(60), submission(2, 2)];
    expect(await server.submit(first)).toMatchObject({ kind: 'queued' });
    expect(await server.submit(second)).toMatchObject({ kind: 'queued' });
    await untilState(server, first.promptId, 'running');
    expect(await server.look(second.promptId)).toEqual({ state: 'pending' });
    expect((await server.queue()).running).toMatchObject([
      { promptId: first.promptId, extraData: { mine: 1, preview_method: 'none' } },
    ]);
    const look = await untilState(server, second.promptId, 'ended');
    if (look.state !== 'ended') throw new Error('not ended');
    expect(verdictOf(look.ended)).toEqual({ kind: 'success' });
    const [file] = filesOf(look.ended, '6');
    if (file === undefined) throw new Error('no file');
    expect(file).toMatchObject({ subfolder: 'deep/er', type: 'output' });
    const bytes = await bytesOf(server.download(file));
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
  });

  it('stops a running prompt and deletes a waiting one, each alone', async () => {
    const server = client(await urlOf());
    const [first, second, third] = [submission(2_000), submission(2_000, 3), submission(2, 4)];
    for (const prompt of [first, second, third]) await server.submit(prompt);
    await untilState(server, first.promptId, 'running');
    expect(await server.cancel(second.promptId)).not.toBe(false);
    await untilState(server, second.promptId, 'absent');
    expect((await server.look(first.promptId)).state).toBe('running');
    expect(await server.cancel(first.promptId)).not.toBe(false);
    const look = await untilState(server, first.promptId, 'ended');
    expect(look.state === 'ended' && verdictOf(look.ended)).toEqual({ kind: 'interrupted' });
    await untilState(server, third.promptId, 'ended');
    expect(await server.cancel(randomUUID())).not.toBe(true);
  });

  it('does not know a prompt that it never had', async () => {
    expect(await client(await urlOf()).look(randomUUID())).toEqual({ state: 'absent' });
  });
});

describe('ComfyClient', () => {
  it('tells a refusal with its reasons, and a partial one although it is answered 200', async () => {
    const server = client();
    expect(
      await server.submit({ ...submission(2), graph: { '1': { class_type: 'NoSuchNode', inputs: {} } } }),
    ).toMatchObject({
      kind: 'refused',
      status: 400,
      refusal: { error: { type: 'missing_node_type' } },
    });
    const partial = { ...graph(2, 9), '7': { class_type: 'SaveImage', inputs: { filename_prefix: 'x' } } };
    const result = await server.submit({ ...submission(2), graph: partial });
    expect(result).toMatchObject({ kind: 'partly-refused', nodeErrors: { '7': { class_type: 'SaveImage' } } });
  });

  it('makes a plain-text 500 an error with status and body', async () => {
    await using broken = await startSimulator({
      dataDir: path.join(dir, 'broken'),
      faults: { refuseNewPrompts500: true },
    });
    const error = await client(broken.url)
      .submit(submission(2))
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UnexpectedAnswerError);
    expect(error).toMatchObject({
      code: 'comfyui-unavailable',
      answerStatus: 500,
      answerBody: expect.stringContaining('Server got itself in trouble'),
    });
  });

  it('says comfyui-unavailable, with the address, when nothing listens and when nothing comes in time', async () => {
    const gone = await startSimulator({ dataDir: path.join(dir, 'gone') });
    await gone.close();
    await expect(client(gone.url).look(randomUUID())).rejects.toMatchObject({
      code: 'comfyui-unavailable',
      message: expect.stringContaining(gone.url),
    });
    await using slow = await startSimulator({ dataDir: path.join(dir, 'slow'), faults: { latencyMs: 1_000 } });
    const impatient = new ComfyClient({ baseUrl: slow.url, timeoutMs: 100 });
    await expect(impatient.queue()).rejects.toMatchObject({ code: 'comfyui-unavailable', retryable: true });
    await impatient.close();
  });

  it('sends user and password of its address as Basic credentials, and shows them to nobody', async () => {
    const asked: (string | undefined)[] = [];
    const guarded = createServer((message, answer) => {
      asked.push(message.headers.authorization);
      answer.writeHead(401).end('who are you?');
    });
    guarded.on('upgrade', (message, socket) => {
      asked.push(message.headers.authorization);
      socket.destroy();
    });
    await new Promise<void>((resolve) => guarded.listen(0, '127.0.0.1', resolve));
    closing.push(() => void guarded.close());
    const { port } = guarded.address() as AddressInfo;
    const baseUrl = `http://me:s%40cret@127.0.0.1:${port}`;
    const error: unknown = await client(baseUrl)
      .queue()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'comfyui-unavailable' });
    expect(inspect(error)).not.toMatch(/s%40cret|s@cret/);
    expect(client(baseUrl).baseUrl).toBe(`http://127.0.0.1:${port}`);
    const socket = new ComfySocket({ baseUrl, reconnectMs: 10 });
    closing.push(() => socket.close());
    await eventually(() => asked.length >= 2, { what: 'both have asked' });
    expect(new Set(asked)).toEqual(new Set([`Basic ${Buffer.from('me:s@cret').toString('base64')}`]));
  });

  it('tells a missing file from trouble', async () => {
    const download = bytesOf(client().download({ filename: 'nope.png', subfolder: 'a', type: 'output' }));
    await expect(download).rejects.toThrow(FileMissingError);
  });

  it('lists the values of a combo and the node classes', async () => {
    const server = client();
    expect(await server.comboOptions('CheckpointLoaderSimple', 'ckpt_name')).toContain(
      'simulated-anime-v1.safetensors',
    );
    expect(await server.comboOptions('NoSuchNode', 'x')).toBeUndefined();
    expect(await server.nodeClasses()).toContain('KSampler');
    expect((await server.systemStats()).system.comfyui_version).toBe('0.33.0');
  });

  it('reads the definitions of all classes and of one', async () => {
    const server = client();
    const { classes, unreadable } = await server.objectInfo();
    expect([...unreadable]).toEqual([]);
    expect(classes.get('SaveImage')).toMatchObject({ isOutputNode: true, category: 'image' });
    expect(await server.nodeDefinition('KSampler')).toEqual(classes.get('KSampler'));
    expect(await server.nodeDefinition('NoSuchNode')).toBeUndefined();
  });

  it('uploads a file once, under the name that the server gives', async () => {
    const server = client();
    const upload = async (bytes: string, overwrite = false): Promise<ServerFile> =>
      server.uploadImage({
        bytes: (async function* () {
          yield Buffer.from(bytes);
        })(),
        name: 'grüße.txt',
        subfolder: 'anime/in',
        overwrite,
      });
    const first = await upload('one');
    expect(first).toEqual({ filename: 'grüße.txt', subfolder: 'anime/in', type: 'input' });
    expect(await upload('one')).toEqual(first);
    const second = await upload('two');
    expect(second.filename).toBe('grüße (1).txt');
    expect((await bytesOf(server.download(second))).toString()).toBe('two');
    expect(await upload('three', true)).toEqual(first);
    expect((await bytesOf(server.download(first))).toString()).toBe('three');
    expect(pathOf(second)).toBe('anime/in/grüße (1).txt');
  });

  it('frees memory, and reads features and models', async () => {
    const server = client();
    await server.free({ unloadModels: true, freeMemory: true });
    expect((await server.features())?.max_upload_size).toBe(104857600);
    expect(await server.modelFolders()).toContain('checkpoints');
    expect(await server.models('checkpoints')).toContain('simulated-anime-v1.safetensors');
    expect(await server.models('nope')).toBeUndefined();
  });
});

describe('ComfySocket', () => {
  it('passes on the messages of a followed prompt in order, and those of no other', async () => {
    const server = client();
    const socket = new ComfySocket({ baseUrl: simulator.url });
    closing.push(() => socket.close());
    expect(await socket.ready(2_000)).toBe(true);
    const [followed, other] = [
      { ...submission(4, 20), clientId: socket.clientId },
      { ...submission(4, 21), clientId: socket.clientId },
    ];
    const hints: Hint[] = [];
    const stop = socket.follow(followed.promptId, (hint) => hints.push(hint));
    await server.submit(other);
    await server.submit(followed);
    await eventually(
      () => messages(hints).some((message) => message.type === 'executing' && message.data.node === null),
      { what: 'the end is told' },
    );
    expect(messages(hints).every((message) => message.data.prompt_id === followed.promptId)).toBe(true);
    expect(messages(hints)[0]?.type).toBe('execution_start');
    expect(messages(hints).at(-2)?.type).toBe('execution_success');
    stop();
  });

  it('comes back after a lost connection with another client id, and says so to who follows', async () => {
    const socket = new ComfySocket({ baseUrl: simulator.url, reconnectMs: 10 });
    closing.push(() => socket.close());
    await socket.ready(2_000);
    const before = socket.clientId;
    const hints: Hint[] = [];
    socket.follow(randomUUID(), (hint) => hints.push(hint));
    simulator.dropSockets();
    await eventually(() => hints.some((hint) => hint.kind === 'connected'), { what: 'it is connected again' });
    expect(socket.connected).toBe(true);
    expect(socket.clientId).not.toBe(before);
  });

  it('goes on trying while the server is away', async () => {
    const away = await startSimulator({ dataDir: path.join(dir, 'away') });
    await away.close();
    const socket = new ComfySocket({ baseUrl: away.url, reconnectMs: 10 });
    closing.push(() => socket.close());
    expect(await socket.ready(50)).toBe(false);
    await using back = await startSimulator({ dataDir: path.join(dir, 'away'), port: away.port });
    expect(back.port).toBe(away.port);
    expect(await socket.ready(5_000)).toBe(true);
  });
});

const messages = (hints: readonly Hint[]) => hints.flatMap((hint) => (hint.kind === 'message' ? [hint.message] : []));
