import { createHash, randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { eventually } from '@anime/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { UnexpectedAnswerError } from './errors.js';
import { caught, OddServers } from './testing/odd-server.js';
import { verdictOf } from './verdict.js';

const servers = new OddServers();
const client = servers.client.bind(servers);
afterEach(() => servers.close());

const json = (answer: ServerResponse, text: string, status = 200): void =>
  void answer.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(text);

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
    const comfy = await client((_, answer) =>
      json(answer, `{"prompt_id":"${submission.promptId}","number":NaN,"node_errors":{}}`),
    );
    expect(await comfy.submit(submission)).toEqual({ kind: 'queued', number: null });
  });

  it('tells of a prompt that was queued under another id than ours', async () => {
    const comfy = await client((_, answer) => json(answer, '{"prompt_id":"x","number":3,"node_errors":{}}'));
    expect(await comfy.submit(submission)).toEqual({ kind: 'renamed', promptId: 'x' });
  });

  it.each([
    ['{"error":{"type":"prompt_no_outputs","message":"Prompt has no outputs"},"node_errors":[]}', 'prompt_no_outputs'],
    ['{"error":"no prompt","node_errors":[]}', 'unknown'],
  ])('reads a refusal of an older server: %s', async (body, type) => {
    const comfy = await client((_, answer) => json(answer, body, 400));
    expect(await comfy.submit(submission)).toMatchObject({
      kind: 'refused',
      refusal: { error: { type }, node_errors: {} },
    });
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
