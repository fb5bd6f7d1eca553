import { randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { FileChangedError, FileMissingError } from './errors.js';
import { bytesOf, caught, OddServers, type Handler } from './testing/odd-server.js';

const servers = new OddServers();
const client = servers.client.bind(servers);
afterEach(() => servers.close());

const FILE = { filename: 'a b.mp4', subfolder: 'video/x', type: 'output' };

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

  it.each<readonly [string, Handler]>([
    ['has become shorter', (_, answer) => void answer.writeHead(416).end()],
    [
      'is sent from its beginning',
      (_, answer) => void answer.writeHead(200, { ...marks, 'content-length': '10' }).end('0123456789'),
    ],
    [
      'is another now',
      (_, answer) =>
        void answer
          .writeHead(206, {
            ...marks,
            etag: '"2"',
            'content-length': '10',
            'content-range': 'bytes 110000-110009/300000',
          })
          .end('0123456789'),
    ],
    [
      'is sent from elsewhere',
      (_, answer) =>
        void answer
          .writeHead(206, { ...marks, 'content-length': '10', 'content-range': 'bytes 0-9/300000' })
          .end('0123456789'),
    ],
  ])('whose rest %s ends with an error that is heard, and no other', async (_, rest) => {
    const comfy = await client((request, answer) =>
      request.headers.range === undefined ? cutting(110_000, [])(request, answer) : rest(request, answer),
    );
    expect(await caught(bytesOf(comfy.download(FILE)))).toMatchObject({ code: 'comfyui-unavailable' });
    // One that nobody listens for comes a moment later, and fails this test.
    await setImmediate();
  });

  it('does not go on beyond the end of the file', async () => {
    let sent = 0;
    const comfy = await client((request, answer) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      answer.writeHead(from === 0 ? 200 : 206, {
        ...marks,
        'content-length': from === 0 ? '10' : '6',
        ...(from === 0 ? {} : { 'content-range': `bytes ${from}-9/10` }),
      });
      sent += 1;
      if (from === 0) answer.write('01234', () => answer.destroy());
      else answer.end('567890');
    });
    expect(await caught(bytesOf(comfy.download(FILE)))).toBeInstanceOf(FileChangedError);
    expect(sent).toBe(2);
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
