import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '@anime/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ComfyClient, type ComfyClientOptions } from './comfy-client.js';
import { FileChangedError, FileMissingError, UnexpectedAnswerError } from './errors.js';
import { verdictOf } from './verdict.js';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

type Handler = (request: IncomingMessage, answer: ServerResponse) => void;

/** A server that answers as the test says, for what a ComfyUI does that the simulator does not. */
async function server(handler: Handler): Promise<string> {
  const http = createServer(handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

async function client(handler: Handler, options: Partial<ComfyClientOptions> = {}): Promise<ComfyClient> {
  const made = new ComfyClient({ baseUrl: await server(handler), timeoutMs: 5_000, ...options });
  closing.push(() => made.close());
  return made;
}

const json = (answer: ServerResponse, text: string, status = 200): void =>
  void answer.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text);

async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

const submission = { graph: {}, promptId: randomUUID(), clientId: randomUUID(), tags: {} };
const FILE = { filename: 'a b.mp4', subfolder: 'video/x', type: 'output' };

describe('answers that are not what they seem', () => {
  it('reads a history with bare NaN, and goes there where a job has no messages', async () => {
    const promptId = randomUUID();
    const comfy = await client((request, answer) => {
      if (request.url === `/api/jobs/${promptId}`) return json(answer, '{"status":"failed","priority":NaN}');
      json(
        answer,
        `{"${promptId}":{"prompt":[NaN,"${promptId}",{},{},[]],"outputs":{"1":{"audio":[{"peak":-Infinity}]}},` +
          '"status":{"status_str":"success","completed":true,"messages":[["execution_error",{"node_id":"2"}]]}}}',
      );
    });
    const look = await comfy.look(promptId);
    expect(look).toMatchObject({ state: 'ended', ended: { outputs: { '1': { audio: [{ peak: null }] } } } });
    expect(look.state === 'ended' && verdictOf(look.ended)).toMatchObject({ kind: 'error', error: { nodeId: '2' } });
  });

  it('takes a queued prompt whose number is NaN for queued', async () => {
    const comfy = await client((_, answer) => json(answer, '{"prompt_id":"x","number":NaN,"node_errors":{}}'));
    expect(await comfy.submit(submission)).toEqual({ kind: 'queued', number: null });
  });

  it('tells the running order of a queue that comes as a heap', async () => {
    const comfy = await client((_, answer) =>
      json(
        answer,
        '{"queue_running":[],"queue_pending":[[3,"c",{},{}],[5,"e",{},{}],[3,"b",{},{"t":1}],[NaN,"n",{},null]]}',
      ),
    );
    expect((await comfy.queue()).pending).toEqual([
      { promptId: 'n', number: null, extraData: {} },
      { promptId: 'b', number: 3, extraData: { t: 1 } },
      { promptId: 'c', number: 3, extraData: {} },
      { promptId: 'e', number: 5, extraData: {} },
    ]);
  });

  it.each([
    ['that has neither jobs nor their cancel', 404],
    ['that has jobs without a cancel', 405],
  ])('interrupts on a server %s only what is its own, as old ones stop whatever runs', async (_, status) => {
    const calls: string[] = [];
    let running = 'other';
    const comfy = await client((request, answer) => {
      calls.push(`${request.method} ${request.url}`);
      if (request.url?.startsWith('/api/jobs') === true) return void answer.writeHead(status).end();
      if (request.method === 'GET')
        return json(answer, `{"queue_running":[[0,"${running}",{},{}]],"queue_pending":[]}`);
      answer.writeHead(200).end();
    });
    await comfy.cancel('mine');
    expect(calls).not.toContain('POST /interrupt');
    running = 'mine';
    await comfy.cancel('mine');
    expect(calls.slice(-3)).toEqual(['POST /queue', 'GET /queue', 'POST /interrupt']);
    // What the router does not know is asked for once.
    expect(calls.filter((call) => call.includes('/api/jobs'))).toHaveLength(1);
  });

  it('orders one cancel of a prompt for all who want it at a time, and does not interrupt twice what has yet to stop', async () => {
    const calls: string[] = [];
    const comfy = await client((request, answer) => {
      calls.push(`${request.method} ${request.url}`);
      if (request.url?.startsWith('/api/jobs') === true) return void answer.writeHead(405).end();
      if (request.method === 'GET') return json(answer, '{"queue_running":[[0,"mine",{},{}]],"queue_pending":[]}');
      answer.writeHead(200).end();
    });
    const stop = new AbortController();
    const impatient = caught(comfy.cancel('mine', { signal: stop.signal }));
    const others = [comfy.cancel('mine'), comfy.cancel('mine')];
    const reason = new Error('enough');
    stop.abort(reason);
    expect(await impatient).toBe(reason);
    expect(await Promise.all(others)).toEqual([null, null]);
    expect(calls).toEqual(['POST /api/jobs/mine/cancel', 'POST /queue', 'GET /queue', 'POST /interrupt']);
    expect(await comfy.cancel('mine')).toBeNull();
    expect(calls.slice(4)).toEqual(['POST /queue', 'GET /queue']);
  });

  it.each([
    ['a page', 'text/html', '<html>404 page not found'],
    ['JSON of its own', 'application/json', '{"error":"no backend"}'],
  ])('takes a 404 of a proxy, %s, for no word about the job, and asks for the route again', async (_, type, body) => {
    const calls: string[] = [];
    let restarting = true;
    const comfy = await client(
      (request, answer) => {
        calls.push(`${request.method} ${request.url}`);
        if (request.url === '/queue') return json(answer, '{"queue_running":[[0,"mine",{},{}]],"queue_pending":[]}');
        if (request.url === '/interrupt') return void answer.writeHead(200).end();
        if (restarting) return void answer.writeHead(404, { 'content-type': type }).end(body);
        json(answer, request.method === 'POST' ? '{"cancelled":true}' : '{"status":"pending"}');
      },
      { askAgainMs: 50 },
    );
    expect(await comfy.look('mine')).toEqual({ state: 'running' });
    expect(await comfy.cancel('mine')).toBeNull();
    restarting = false;
    await eventually(async () => (await comfy.look('mine')).state === 'pending', {
      what: 'the job is asked for again',
    });
    await eventually(async () => await comfy.cancel('mine'), { what: 'its cancel is asked for again' });
  });

  it('names server, route and status of a plain 500, and what to do', async () => {
    const comfy = await client((_, answer) =>
      answer
        .writeHead(500, { 'content-type': 'text/plain; charset=utf-8' })
        .end('500 Internal Server Error\n\nServer got itself in trouble'),
    );
    const error = await caught(comfy.submit(submission));
    expect(error).toBeInstanceOf(UnexpectedAnswerError);
    expect(error).toMatchObject({ code: 'comfyui-unavailable', answerStatus: 500 });
    expect(String(error)).toContain(`${comfy.baseUrl} answered /prompt with status 500: 500 Internal Server Error`);
    expect(String(error)).toContain('log');
  });

  it('says that it is no ComfyUI where a page comes', async () => {
    const comfy = await client((_, answer) => answer.writeHead(200, { 'content-type': 'text/html' }).end('<html>hi'));
    expect(String(await caught(comfy.systemStats()))).toMatch(
      /\/system_stats with status 200: <html>hi\. Is this a ComfyUI/,
    );
  });
});

describe('what a server may or may not tell', () => {
  it('is undefined where the routes are missing', async () => {
    const comfy = await client((_, answer) => answer.writeHead(404).end('404: Not Found'));
    expect(await comfy.features()).toBeUndefined();
    expect(await comfy.models('checkpoints')).toBeUndefined();
    expect(await comfy.installedPacks()).toBeUndefined();
  });

  it('is read where they are there', async () => {
    const asked: (string | undefined)[] = [];
    const answers: Readonly<Record<string, string>> = {
      '/features': '{"max_upload_size":104857600,"extension":{"manager":{"supports_v4":true}}}',
      '/models': '["checkpoints","loras"]',
      '/models/loras': '["sub/a.safetensors"]',
      '/customnode/installed':
        '{"ComfyUI-X":{"ver":"1.2.0","cnr_id":"x","enabled":true},"y":{"ver":null,"enabled":false}}',
    };
    const comfy = await client((request, answer) => {
      asked.push(request.url);
      const text = answers[request.url ?? ''];
      if (text === undefined) answer.writeHead(404).end();
      else json(answer, text);
    });
    expect(await comfy.features()).toMatchObject({ max_upload_size: 104857600 });
    expect(await comfy.modelFolders()).toEqual(['checkpoints', 'loras']);
    expect(await comfy.models('loras')).toEqual(['sub/a.safetensors']);
    expect(await comfy.installedPacks()).toEqual([
      { name: 'ComfyUI-X', version: '1.2.0', registryId: 'x', repository: null, isEnabled: true },
      { name: 'y', version: null, registryId: null, repository: null, isEnabled: false },
    ]);
    expect(asked).toContain('/v2/customnode/installed');
  });
});

describe('waiting', () => {
  it('ends with the reason of the caller’s signal, at any stage', async () => {
    const began = Promise.withResolvers<void>();
    const comfy = await client((request, answer) => {
      if (request.url === '/queue') return began.resolve();
      answer.writeHead(200, { 'content-length': '100' }).write('abc');
    });
    const reason = new Error('the service drains');
    const stop = new AbortController();
    const queue = caught(comfy.queue({ signal: stop.signal }));
    await began.promise;
    stop.abort(reason);
    expect(await queue).toBe(reason);
    expect(await caught(comfy.queue({ signal: AbortSignal.abort(reason) }))).toBe(reason);
    const later = new AbortController();
    const chunks = comfy.download(FILE, { signal: later.signal });
    expect((await chunks.next()).done).toBe(false);
    const rest = caught(chunks.next());
    later.abort(reason);
    expect(await rest).toBe(reason);
  });

  it('ends when an answer grows beyond all that a server may have to say', async () => {
    const closed = Promise.withResolvers<void>();
    const comfy = await client(
      (_, answer) => {
        answer.on('close', closed.resolve);
        const more = (): void => {
          while (!answer.destroyed && answer.write(' '.repeat(10_000)));
        };
        more();
        answer.on('drain', more);
      },
      { largestAnswer: 1_000_000 },
    );
    const error = await caught(comfy.queue());
    expect(error).toMatchObject({ code: 'comfyui-unavailable' });
    expect(String(error)).toContain('the answer is larger than 1000000 bytes');
    await closed.promise;
  });

  it('ends when no answer begins, and when a body stands still', async () => {
    const comfy = await client(
      (request, answer) => {
        if (request.url !== '/queue') answer.writeHead(200).write('{"system":');
      },
      { timeoutMs: 200, idleTimeoutMs: 200 },
    );
    expect(String(await caught(comfy.queue()))).toContain(`${comfy.baseUrl} does not answer /queue`);
    expect(await caught(comfy.systemStats())).toMatchObject({ code: 'comfyui-unavailable', retryable: true });
  });
});

describe('a download', () => {
  const bytes = randomBytes(300_000);
  const marks = { etag: '"1-2"', 'last-modified': 'Fri, 20 Nov 2026 11:23:25 GMT' };

  /** Serves the file as ComfyUI does, and cuts each answer after `cut` bytes. */
  const cutting =
    (cut: number, asked: (string | undefined)[], marksNow: () => Record<string, string> = () => marks): Handler =>
    (request, answer) => {
      const { range } = request.headers;
      asked.push(range);
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
      const part = bytes.subarray(from);
      answer.writeHead(range === undefined ? 200 : 206, {
        ...marksNow(),
        'content-length': String(part.length),
        ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
      });
      if (part.length <= cut) answer.end(part);
      else answer.write(part.subarray(0, cut), () => answer.destroy());
    };

  it('goes on where it was cut, as often as that happens', async () => {
    const asked: (string | undefined)[] = [];
    const got = await bytesOf((await client(cutting(110_000, asked))).download(FILE));
    expect(got.equals(bytes)).toBe(true);
    expect(asked).toEqual([undefined, 'bytes=110000-', 'bytes=220000-']);
  });

  it('waits for a server that is away for a moment, behind its proxy', async () => {
    const asked: (string | undefined)[] = [];
    let away = 0;
    const comfy = await client((request, answer) => {
      if (request.headers.range !== undefined && away++ < 2) return void answer.writeHead(502).end('Bad Gateway');
      cutting(200_000, asked)(request, answer);
    });
    expect((await bytesOf(comfy.download(FILE))).equals(bytes)).toBe(true);
    expect(asked).toEqual([undefined, 'bytes=200000-']);
  });

  it('is over when the cut came after the last byte', async () => {
    const asked: (string | undefined)[] = [];
    const comfy = await client((request, answer) => {
      asked.push(request.headers.range);
      answer.writeHead(200, { ...marks, 'content-length': '3' });
      answer.write('abc', () => answer.destroy());
    });
    expect((await bytesOf(comfy.download(FILE))).toString()).toBe('abc');
    expect(asked).toEqual([undefined]);
  });

  it('is never put together from two contents', async () => {
    let version = 0;
    const comfy = await client(cutting(110_000, [], () => ({ ...marks, etag: `"${version++}"` })));
    const error = await caught(bytesOf(comfy.download(FILE)));
    expect(error).toBeInstanceOf(FileChangedError);
    expect(String(error)).toContain('video/x/a b.mp4');
  });

  it('is not gone on with where the server does not say which content it is', async () => {
    const asked: (string | undefined)[] = [];
    const comfy = await client(cutting(110_000, asked, () => ({})));
    expect(await caught(bytesOf(comfy.download(FILE)))).toMatchObject({ code: 'comfyui-unavailable' });
    expect(asked).toHaveLength(1);
  });

  it('says that the file is gone, also when it goes in the middle', async () => {
    let isThere = true;
    const comfy = await client((request, answer) => {
      if (!isThere) return void answer.writeHead(404).end();
      isThere = false;
      cutting(110_000, [])(request, answer);
    });
    expect(await caught(bytesOf(comfy.download(FILE)))).toBeInstanceOf(FileMissingError);
  });
});

describe('an upload', () => {
  const pieces = async function* (count: number): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < count; at += 1) yield Buffer.alloc(64 * 1024, at % 251);
  };

  it('is streamed as a form of the browser’s kind, in flat memory', async () => {
    const sha = createHash('sha256');
    let size = 0;
    let head = '';
    let length: string | undefined;
    const comfy = await client((request, answer) => {
      length = request.headers['content-length'];
      request.on('data', (chunk: Buffer) => {
        if (head === '') head = chunk.toString('utf8', 0, 1_000);
        sha.update(chunk);
        size += chunk.length;
      });
      request.on('end', () => json(answer, '{"name":"ö \\"1\\" (1).png","subfolder":"anime/x","type":"input"}'));
    });
    const before = process.memoryUsage().arrayBuffers;
    const uploaded = await comfy.uploadImage({
      bytes: pieces(4_096),
      size: 4_096 * 64 * 1024,
      name: 'ö "1".png',
      subfolder: 'anime/x',
      overwrite: true,
    });
    expect(uploaded).toEqual({ filename: 'ö "1" (1).png', subfolder: 'anime/x', type: 'input' });
    expect(head).toMatch(/name="subfolder"\r\n\r\nanime\/x\r\n/);
    expect(head).toMatch(/name="overwrite"\r\n\r\ntrue\r\n/);
    expect(head).toMatch(/name="image"; filename="ö %221%22\.png"\r\nContent-Type: application\/octet-stream\r\n\r\n/);
    expect(size).toBe(Number(length));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(128 * 1024 * 1024);
  });

  it('that breaks at its source throws what the source threw', async () => {
    const comfy = await client((request) => request.resume());
    const broken = new Error('the blob is gone');
    const bytes = (async function* () {
      yield Buffer.alloc(10);
      throw broken;
    })();
    expect(await caught(comfy.uploadImage({ bytes, name: 'a.png' }))).toBe(broken);
  });

  it.each([
    { name: '' },
    { name: '../a.png' },
    { name: 'a/b.png' },
    { name: 'x'.repeat(256) },
    { name: 'a', subfolder: '/b' },
  ])('with a name that the server answers badly is not sent: %j', async (named) => {
    const comfy = await client(() => {
      throw new Error('sent');
    });
    expect(await caught(comfy.uploadImage({ bytes: pieces(1), ...named }))).toMatchObject({
      code: 'validation-failed',
      errors: [{ path: 'subfolder' in named ? 'subfolder' : 'name' }],
    });
  });

  it('that is too large says so', async () => {
    const comfy = await client((request, answer) => {
      request.resume().on('end', () => answer.writeHead(413).end('Maximum request body size 104857600 exceeded.'));
    });
    expect(String(await caught(comfy.uploadImage({ bytes: pieces(2), name: 'a.png' })))).toMatch(
      /413.*max-upload-size/s,
    );
  });
});
