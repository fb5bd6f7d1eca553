import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startSimulator } from '@anime/comfyui-simulator';
import { eventually } from '@anime/testing';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Preview } from './binary-frame.js';
import { ComfyClient } from './comfy-client.js';
import { ComfySocket, type ComfySocketOptions, type Hint } from './comfy-socket.js';
import { samplingGraph } from './testing/any-server.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Peer {
  readonly socket: WebSocket;
  readonly clientId: string | null;
  readonly received: string[];
}

/** A websocket server that says what the test says. */
async function peers({ autoPong = true } = {}): Promise<{ readonly url: string; readonly all: Peer[] }> {
  const http = createServer();
  const wss = new WebSocketServer({ server: http, autoPong });
  const all: Peer[] = [];
  wss.on('connection', (socket, request) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://server');
    const peer: Peer = { socket, clientId: searchParams.get('clientId'), received: [] };
    socket.on('message', (data) => peer.received.push(Buffer.isBuffer(data) ? data.toString('utf8') : ''));
    all.push(peer);
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  closing.push(() => {
    for (const { socket } of all) socket.terminate();
    wss.close();
    http.close();
  });
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, all };
}

async function connected(
  options: Partial<ComfySocketOptions> = {},
  server: { readonly autoPong?: boolean } = {},
): Promise<{ readonly socket: ComfySocket; readonly all: Peer[]; readonly peer: Peer }> {
  const { url, all } = await peers(server);
  const socket = new ComfySocket({ baseUrl: url, reconnectMs: 10, ...options });
  closing.push(() => socket.close());
  const peer = await eventually(() => all[0], { what: 'it connects' });
  expect(await socket.ready(5_000)).toBe(true);
  return { socket, all, peer };
}

const start = (promptId: string): string => JSON.stringify({ type: 'execution_start', data: { prompt_id: promptId } });
const status = (remaining: number): string =>
  JSON.stringify({ type: 'status', data: { status: { exec_info: { queue_remaining: remaining } } } });

function previewFrame(promptId: string, image: string): Buffer {
  const json = Buffer.from(
    JSON.stringify({ prompt_id: promptId, node_id: '3', display_node_id: '3', image_type: 'image/jpeg' }),
  );
  const head = Buffer.alloc(8);
  head.writeUInt32BE(4, 0);
  head.writeUInt32BE(json.length, 4);
  return Buffer.concat([head, json, Buffer.from(image)]);
}

describe('a connection', () => {
  it('that is made anew has another id, is no drop, and hears nothing until it is told something of somebody', async () => {
    let drops = 0;
    const queue: number[] = [];
    const { socket, all, peer } = await connected({
      onDropped: () => (drops += 1),
      onQueue: (remaining) => queue.push(remaining),
    });
    peer.socket.send(status(1));
    await eventually(() => socket.hearsEvents, { what: 'it hears of the queue' });
    const before = socket.clientId;
    socket.renew();
    expect(socket.connected).toBe(false);
    await eventually(() => socket.connected, { what: 'it is connected again' });
    const next = await eventually(() => all[1], { what: 'the server has another connection' });
    expect(next.clientId).toBe(socket.clientId);
    expect(socket.clientId).not.toBe(before);
    await eventually(() => peer.socket.readyState === peer.socket.CLOSED, { what: 'the first is gone' });
    const greeting = (remaining: number): string =>
      JSON.stringify({
        type: 'status',
        data: { status: { exec_info: { queue_remaining: remaining } }, sid: socket.clientId },
      });
    for (const frame of [greeting(0), '{"type":"feature_flags","data":{}}', greeting(7)]) next.socket.send(frame);
    await eventually(() => queue.at(-1) === 7, { what: 'all were heard' });
    expect(socket.hearsEvents).toBe(false);
    next.socket.send(JSON.stringify({ type: 'crystools.monitor', data: {} }));
    await eventually(() => socket.hearsEvents, { what: 'it hears of somebody' });
    expect(all).toHaveLength(2);
    expect(drops).toBe(0);
  });

  it('begins with what we can, under an id of its own', async () => {
    const { socket, peer } = await connected();
    await eventually(() => peer.received.length > 0, { what: 'the first message is there' });
    expect(JSON.parse(peer.received[0] ?? '')).toEqual({
      type: 'feature_flags',
      data: { supports_preview_metadata: true },
    });
    expect(peer.clientId).toBe(socket.clientId);
  });

  it('tells the length of the queue, and passes over what is not for a prompt', async () => {
    const queue: number[] = [];
    const { socket, peer } = await connected({ onQueue: (remaining) => queue.push(remaining) });
    const hints: Hint[] = [];
    socket.follow('mine', (hint) => hints.push(hint));
    for (const frame of [
      status(3),
      'no JSON',
      '{"type":"executing","data":{"node":"2"}}',
      start('other'),
      Buffer.from('00000009', 'hex'),
      Buffer.from('0000000100000001ffd8', 'hex'),
      start('mine'),
      status(0),
    ])
      peer.socket.send(frame);
    await eventually(() => queue.length === 2, { what: 'all is read' });
    expect(queue).toEqual([3, 0]);
    expect(hints).toEqual([{ kind: 'message', message: { type: 'execution_start', data: { prompt_id: 'mine' } } }]);
  });

  it('that is open but forgotten is replaced when it hears nothing of an accepted prompt', async () => {
    const { socket, all, peer } = await connected({ silenceMs: 50 });
    const hints: Hint[] = [];
    socket.follow('mine', (hint) => hints.push(hint));
    const accepted = socket.expectStatus();
    accepted();
    await eventually(() => all.length === 2 && socket.connected, { what: 'there is a new connection' });
    expect(all[1]?.clientId).not.toBe(peer.clientId);
    expect(hints).toContainEqual({ kind: 'connected' });
  });

  it('that hears of an accepted prompt, before or after, is kept', async () => {
    const { socket, all, peer } = await connected({ silenceMs: 50 });
    let heard = 0;
    socket.follow('mine', () => (heard += 1));
    const before = socket.expectStatus();
    peer.socket.send(start('mine'));
    await eventually(() => heard === 1, { what: 'the first message is read' });
    before();
    const after = socket.expectStatus();
    after();
    peer.socket.send(start('mine'));
    await eventually(() => heard === 2, { what: 'the second message is read' });
    // Another one that nothing follows is replaced meanwhile: the time has passed.
    const { socket: silent, all: others } = await connected({ silenceMs: 50 });
    silent.expectStatus()();
    await eventually(() => others.length === 2, { what: 'the silent one is replaced' });
    expect(all).toHaveLength(1);
    expect(socket.connected).toBe(true);
  });

  it('that answers no ping is replaced: nothing else would tell that its other end is gone', async () => {
    const dropped = Promise.withResolvers<void>();
    const { socket, all } = await connected({ pingIntervalMs: 20, onDropped: dropped.resolve }, { autoPong: false });
    await dropped.promise;
    await eventually(() => all.length >= 2 && socket.connected, { what: 'there is a new connection' });
  });

  it('that answers its pings is kept', async () => {
    const { socket, all, peer } = await connected({ pingIntervalMs: 20 });
    let pings = 0;
    peer.socket.on('ping', () => (pings += 1));
    await eventually(() => pings >= 5, { what: 'it was asked some times' });
    expect(all).toHaveLength(1);
    expect(socket.connected).toBe(true);
  });

  it('is given up for a frame that is too large, and made anew', async () => {
    const { socket, all, peer } = await connected();
    peer.socket.send(Buffer.alloc(65 * 1024 * 1024));
    await eventually(() => all.length === 2 && socket.connected, { what: 'there is a new connection' });
  });
});

describe('previews', () => {
  it('never stall the socket: while one is in hand, only the newest waits', async () => {
    const { socket, peer } = await connected();
    const taken: string[] = [];
    const first = Promise.withResolvers<void>();
    const hints: Hint[] = [];
    socket.follow('mine', (hint) => hints.push(hint), {
      onPreview: async ({ bytes }) => {
        taken.push(Buffer.from(bytes).toString());
        if (taken.length === 1) await first.promise;
      },
    });
    for (let at = 0; at < 100; at += 1) peer.socket.send(previewFrame('mine', String(at)));
    peer.socket.send(start('mine'));
    await eventually(() => hints.length === 1, { what: 'the message after them is read' });
    expect(taken).toEqual(['0']);
    first.resolve();
    await eventually(() => taken.length === 2, { what: 'the next one is taken' });
    expect(taken).toEqual(['0', '99']);
  });

  it('go on after one that could not be taken', async () => {
    const { socket, peer } = await connected();
    const taken: string[] = [];
    socket.follow('mine', () => undefined, {
      onPreview: ({ bytes }) => {
        taken.push(Buffer.from(bytes).toString());
        throw new Error('nobody watches');
      },
    });
    peer.socket.send(previewFrame('mine', 'a'));
    await eventually(() => taken.length === 1, { what: 'the first is taken' });
    peer.socket.send(previewFrame('mine', 'b'));
    await eventually(() => taken.length === 2, { what: 'the second is taken' });
  });

  it('of a simulated run come for the prompt that asked for them, and for no other', async () => {
    const dir = await mkdtemp(path.join(tmpdir(), 'comfyui-client-'));
    closing.push(() => rm(dir, { recursive: true, force: true }));
    const simulator = await startSimulator({ dataDir: dir, stepDelayMs: 5 });
    closing.push(() => simulator.close());
    const client = new ComfyClient({ baseUrl: simulator.url });
    closing.push(() => client.close());
    const socket = new ComfySocket({ baseUrl: simulator.url });
    closing.push(() => socket.close());
    await socket.ready(5_000);
    const previews: Preview[] = [];
    const run = async (seed: number, asked: boolean): Promise<string> => {
      const promptId = randomUUID();
      let ended = false;
      const stop = socket.follow(
        promptId,
        (hint) => (ended ||= hint.kind === 'message' && hint.message.type === 'execution_success'),
        { onPreview: (preview) => void previews.push(preview) },
      );
      const { clientId } = socket;
      const previewed = asked ? { previews: 'latent2rgb' as const } : {};
      const graph = samplingGraph('simulated-anime-v1.safetensors', 'take', { steps: 6, seed });
      await client.submit({ graph, promptId, clientId, tags: {}, ...previewed });
      await eventually(() => ended, { what: 'the run ends' });
      stop();
      return promptId;
    };
    await run(1, false);
    expect(previews).toEqual([]);
    const promptId = await run(2, true);
    expect(previews.length).toBeGreaterThan(0);
    for (const preview of previews) {
      expect(preview).toMatchObject({ promptId, nodeId: '4', mediaType: 'image/jpeg' });
      expect(Buffer.from(preview.bytes).toString('hex', 0, 3)).toBe('ffd8ff');
    }
  });

  it('comes back more and more slowly to a server that lets it in and throws it out again', async () => {
    const http = createServer();
    const wss = new WebSocketServer({ server: http });
    const atMs: number[] = [];
    wss.on('connection', (socket) => {
      atMs.push(performance.now());
      socket.terminate();
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    closing.push(() => void http.close());
    const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const socket = new ComfySocket({ baseUrl: url, reconnectMs: 10 });
    closing.push(() => socket.close());
    const [fifth, sixth] = await eventually(() => atMs.length >= 6 && atMs.slice(4), { what: 'it connects six times' });
    // 10 ms × 2⁴, less what a timer may be early.
    expect((sixth ?? 0) - (fifth ?? 0)).toBeGreaterThan(150);
  });
});
