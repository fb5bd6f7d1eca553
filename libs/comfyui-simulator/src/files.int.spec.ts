import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { get, post, request, submit, TestSocket, withSimulator } from './spec-client.js';
import type { Simulator } from './simulator.js';

async function makePicture(simulator: Simulator): Promise<void> {
  using socket = await TestSocket.open(simulator, 'me');
  const graph = {
    '1': { class_type: 'EmptyImage', inputs: { width: 64, height: 64, batch_size: 1, color: 900 } },
    '2': { class_type: 'SaveImage', inputs: { images: ['1', 0], filename_prefix: 'a b/vw' } },
  };
  await socket.settled(await submit(simulator, graph, 'me'));
}
const PICTURE = '/view?filename=vw_00001_.png&subfolder=a%20b';

async function upload(simulator: Simulator, name: string, content: string, fields: Record<string, string> = {}) {
  const form = new FormData();
  form.set('image', new File([content], name));
  for (const [key, value] of Object.entries(fields)) form.set(key, value);
  return request(simulator, '/upload/image', { method: 'POST', body: form });
}

describe('GET /view', () => {
  it('sends the file with ETag, ranges and not-modified answers', async () => {
    await withSimulator(async (simulator) => {
      await makePicture(simulator);
      const whole = await fetch(simulator.url + PICTURE);
      const bytes = Buffer.from(await whole.arrayBuffer());
      expect(await sharp(bytes).metadata()).toMatchObject({ format: 'png', width: 64 });
      expect(whole.headers.get('content-type')).toBe('image/png');
      expect(whole.headers.get('content-disposition')).toBe('filename="vw_00001_.png"');
      expect(whole.headers.get('x-content-type-options')).toBe('nosniff');
      const etag = whole.headers.get('etag')!;
      const again = await request(simulator, PICTURE, { headers: { 'if-none-match': etag } });
      expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
      const part = await fetch(simulator.url + PICTURE, { headers: { range: 'bytes=4-9' } });
      expect(part.status).toBe(206);
      expect(part.headers.get('content-range')).toBe(`bytes 4-9/${bytes.length}`);
      expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(4, 10));
      const head = await request(simulator, PICTURE, { method: 'HEAD' });
      expect(head.headers.get('content-length')).toBe(String(bytes.length));
    });
  });

  it.each([
    ['?filename=missing.png', 404],
    ['?type=output', 404],
    ['?filename=', 400],
    ['?filename=x.png&type=bogus', 400],
    ['?filename=../package.json', 400],
    ['?filename=/etc/passwd', 400],
    ['?filename=a/../up.png', 400],
    ['?filename=x.png&subfolder=../', 403],
    ['?filename=passwd&subfolder=/etc', 403],
    ['?filename=x&subfolder=../output_evil', 403],
  ])('answers %s with an empty %i', async (query, status) => {
    await withSimulator(async (simulator) => {
      const answer = await request(simulator, `/view${query}`);
      expect({ status: answer.status, text: answer.text }).toEqual({ status, text: '' });
    });
  });

  it('converts to a preview, and fails as the real one does when the file is no picture', async () => {
    await withSimulator(async (simulator) => {
      await makePicture(simulator);
      for (const [preview, type] of [
        ['webp;90', 'image/webp'],
        ['jpeg;50', 'image/jpeg'],
        ['png', 'image/webp'],
      ] as const) {
        const answer = await request(simulator, `${PICTURE}&preview=${preview}`);
        expect({ status: answer.status, type: answer.headers.get('content-type') }).toEqual({ status: 200, type });
      }
      await upload(simulator, 'note.txt', 'hello');
      expect((await request(simulator, '/view?filename=note.txt&type=input&preview=webp')).status).toBe(500);
      expect((await request(simulator, '/view?filename=note.txt%20[input]')).text).toBe('hello');
    });
  });
});

describe('POST /upload/image', () => {
  it('keeps the name for equal bytes, counts up for others, and overwrites only when told', async () => {
    await withSimulator(async (simulator) => {
      const named = async (...args: [string, string, Record<string, string>?]): Promise<unknown> =>
        (await upload(simulator, ...args)).json()['name'];
      expect(await named('up.png', 'A')).toBe('up.png');
      expect(await named('up.png', 'A')).toBe('up.png');
      expect(await named('up.png', 'B')).toBe('up (1).png');
      expect(await named('up.png', 'B')).toBe('up (1).png');
      expect(await named('up.png', 'C')).toBe('up (2).png');
      expect(await named('up.png', 'D', { overwrite: 'true' })).toBe('up.png');
      expect((await request(simulator, '/view?filename=up.png&type=input')).text).toBe('D');
    });
  });

  it('stores below a subfolder of input, temp or output and refuses every way out', async () => {
    await withSimulator(async (simulator) => {
      const inside = await upload(simulator, 'up.png', 'A', { subfolder: 'a/b c', type: 'temp' });
      expect(inside.json()).toEqual({ name: 'up.png', subfolder: 'a/b c', type: 'temp' });
      expect((await request(simulator, '/view?filename=up.png&type=temp&subfolder=a/b%20c')).text).toBe('A');
      expect((await upload(simulator, 'up.png', 'A', { subfolder: '../x' })).status).toBe(400);
      expect((await upload(simulator, 'up.png', 'A', { subfolder: '/x' })).status).toBe(400);
      expect((await upload(simulator, 'up.png', 'A', { type: 'bogus' })).status).toBe(500);
      expect((await post(simulator, '/upload/image', { image: 'x' })).status).toBe(400);
    });
  });
});

describe('what the server says about itself', () => {
  it('is that it is a simulator, on the same routes with and without /api', async () => {
    await withSimulator(
      async (simulator) => {
        const stats = await get<{ devices: { name: string; vram_total: number }[] }>(simulator, '/api/system_stats');
        expect(stats.devices[0]).toMatchObject({ name: 'Big card (simulator)', vram_total: 1024 ** 3 });
        for (const path of ['/queue', '/features', '/models', '/embeddings', '/history', '/object_info/KSampler']) {
          expect(await get(simulator, `/api${path}`)).toEqual(await get(simulator, path));
        }
      },
      { gpuName: 'Big card', vramTotalMb: 1024 },
    );
  });

  it('is empty for an unknown class, 404 for unknown folders and paths, 405 for other methods', async () => {
    await withSimulator(async (simulator) => {
      expect(await get(simulator, '/object_info/Nope')).toEqual({});
      expect(await get(simulator, '/models/loras')).toEqual(['character.safetensors']);
      expect(await get(simulator, '/models/style_models')).toEqual([]);
      expect((await request(simulator, '/models/nope')).status).toBe(404);
      expect((await request(simulator, '/models/constructor')).status).toBe(404);
      expect((await request(simulator, '/jobs')).status).toBe(404);
      const refused = await request(simulator, '/queue', { method: 'DELETE' });
      expect({ status: refused.status, text: refused.text }).toEqual({ status: 405, text: '405: Method Not Allowed' });
      expect(refused.headers.get('allow')).toBe('GET,HEAD,POST');
      expect((await request(simulator, '/history?max_items=abc')).status).toBe(500);
    });
  });
});
