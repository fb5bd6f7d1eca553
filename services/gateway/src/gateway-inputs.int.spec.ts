import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { JobRequestedV3 } from '@anime/contracts';
import { INPUT_LIMIT } from '@anime/contracts/http';
import { sha256Hex } from '@anime/event-store';
import { AnswerCheck } from '@anime/gateway-client/testing';
import { useNats } from '@anime/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { startOwnGateway, type OwnGateway } from './testing/test-gateway.js';

const INPUTS = '/api/anime/inputs';
const check = new AnswerCheck();
const nats = useNats();
let gateway: OwnGateway;
let png: Buffer;

beforeAll(async () => {
  gateway = await startOwnGateway(nats, { check });
  const noise = { raw: { width: 300, height: 200, channels: 3 } } as const;
  png = await sharp(randomBytes(300 * 200 * 3), noise)
    .png()
    .toBuffer();
});
afterAll(async () => gateway[Symbol.asyncDispose]());

/** Sends a body; in pieces it goes without a content-length. */
async function send(body: Buffer | Iterable<Uint8Array> | undefined, type: string | undefined, path = INPUTS) {
  const response = await check.fetch(`${gateway.url}${path}`, {
    method: 'POST',
    headers: type === undefined ? {} : { 'content-type': type },
    ...(body === undefined
      ? {}
      : Buffer.isBuffer(body)
        ? { body: new Uint8Array(body) }
        : { body: ReadableStream.from(body), duplex: 'half' as const }),
  });
  return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
}
/** Everything in the folder of the blobs but folders. */
async function blobs(): Promise<string[]> {
  const entries = await readdir(gateway.blobsDir, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
/** A picture that goes on and on behind its head. */
function* endless(head: Buffer, size: number): Generator<Uint8Array> {
  yield head;
  const rest = new Uint8Array(1024 * 1024);
  for (let sent = head.length; sent < size; sent += rest.length) yield rest;
}

/** The PNG with another size in its head. */
function headOf(width: number, height: number): Buffer {
  const changed = Buffer.from(png);
  changed.writeUInt32BE(width, 16);
  changed.writeUInt32BE(height, 20);
  changed.writeUInt32BE(crc32(changed.subarray(12, 29)), 29);
  return changed;
}

describe('a picture that is sent', () => {
  it('is stored by its content, once, and a job takes it by that', async () => {
    const sha256 = sha256Hex(png);
    const stored = { sha256, mediaType: 'image/png', size: png.length, width: 300, height: 200 };
    expect(await send(png, 'image/png')).toEqual({ status: 201, body: stored });
    const pieces = [png.subarray(0, 5), png.subarray(5, 40), png.subarray(40)];
    expect(await send(pieces, 'IMAGE/PNG; q=1')).toEqual({ status: 201, body: stored });
    expect(await blobs()).toEqual([sha256]);
    const { status, body } = await gateway.send('POST', '/api/anime/generate/image', {
      body: { prompt: 'a fox', template: 'image-to-image', image: sha256, denoise: 0.4, limits: { maxAttempts: 2 } },
    });
    expect(status).toBe(202);
    expect(await gateway.log.lastOnSubject(JobRequestedV3, String(body['jobId']))).toMatchObject({
      event: {
        data: {
          inputs: [
            { parameter: 'image', blob: sha256, name: `${sha256}.png`, size: png.length, mediaType: 'image/png' },
          ],
          parameters: { image: sha256, denoise: 0.4 },
          limits: { maxAttempts: 2 },
        },
      },
    });
  });

  it.each(['jpeg', 'webp'] as const)('may be a %s', async (format) => {
    const bytes = await sharp(png).toFormat(format).toBuffer();
    expect(await send(bytes, `image/${format}`)).toMatchObject({
      status: 201,
      body: { mediaType: `image/${format}`, width: 300, height: 200 },
    });
  });

  it('must be one, of the type that is said, or nothing of it is kept', async () => {
    const before = await blobs();
    const cases: readonly (readonly [Buffer | undefined, string | undefined, number, string])[] = [
      [Buffer.from('GIF89a and so on'), 'image/png', 422, 'input-invalid'],
      [png, 'image/jpeg', 422, 'input-invalid'],
      [png.subarray(0, 20), 'image/png', 422, 'input-invalid'],
      [Buffer.alloc(0), 'image/png', 422, 'input-invalid'],
      [png, 'image/gif', 415, 'unsupported-media-type'],
      [png, 'application/octet-stream', 415, 'unsupported-media-type'],
      [Buffer.from('{}'), 'application/json', 415, 'unsupported-media-type'],
      [undefined, undefined, 415, 'unsupported-media-type'],
    ];
    for (const [body, type, status, code] of cases)
      expect({ type, ...(await send(body, type)) }).toMatchObject({ type, status, body: { code } });
    expect(await blobs()).toEqual(before);
  });

  it('must be whole and of a size that can be decoded, or nothing of it is kept, and why is told', async () => {
    const before = await blobs();
    const head = headOf(0xffffffff, 0xffffffff);
    const damaged = Buffer.from(png);
    damaged.fill(0xff, 60_000, 60_040);
    const jpeg = await sharp(png).jpeg().toBuffer();
    const webp = await sharp(png).webp({ lossless: true }).toBuffer();
    const cases: readonly (readonly [string, Buffer, string, RegExp])[] = [
      ['the head of a PNG', png.subarray(0, 24), 'png', /decoded/],
      ['half a PNG', png.subarray(0, png.length / 2), 'png', /decoded/],
      ['a PNG without its end', png.subarray(0, -12), 'png', /cut off/],
      ['a damaged PNG', damaged, 'png', /decoded/],
      ['half a JPEG', jpeg.subarray(0, jpeg.length / 2), 'jpeg', /decoded/],
      ['a JPEG without its end', jpeg.subarray(0, -2), 'jpeg', /decoded|cut off/],
      ['half a WebP', webp.subarray(0, webp.length / 2), 'webp', /decoded/],
      ['a PNG that says that it is endless', head, 'png', /4294967295 × 4294967295 pixels are more than 100 million/],
      ['a PNG that is larger than a bound', headOf(10_001, 10_000), 'png', /10001 × 10000 pixels/],
    ];
    for (const [what, body, type, why] of cases)
      expect({ what, ...(await send(body, `image/${type}`)) }).toMatchObject({
        what,
        status: 422,
        body: { code: 'input-invalid', errors: [{ path: '', message: expect.stringMatching(why) }] },
      });
    expect(await blobs()).toEqual(before);
  });

  it('is taken by its route alone, without a query', async () => {
    expect(await send(png, 'image/png', `${INPUTS}?x=1`)).toMatchObject({
      status: 400,
      body: { code: 'validation-failed', errors: [{ path: 'query/x' }] },
    });
  });

  it('may not be larger than the limit, announced or not, and nothing of it is kept', async () => {
    const before = await blobs();
    const large = Buffer.concat([png, Buffer.alloc(INPUT_LIMIT)]);
    for (const body of [large, endless(png, INPUT_LIMIT + 2 ** 21)])
      expect(await send(body, 'image/png')).toMatchObject({ status: 413, body: { code: 'body-too-large' } });
    expect(await blobs()).toEqual(before);
  }, 60_000);

  it('is taken by no other route', async () => {
    expect(await send(png, 'image/png', '/api/anime/generate/image')).toMatchObject({
      status: 415,
      body: { code: 'unsupported-media-type' },
    });
  });
});

describe('a job that takes a picture', () => {
  it('is refused when that was never sent, with its parameter named', async () => {
    expect(
      await gateway.send('POST', '/api/anime/generate/image', {
        body: { prompt: 'a fox', template: 'image-to-image', image: 'ab'.repeat(32) },
      }),
    ).toMatchObject({
      status: 422,
      body: { code: 'parameter-invalid', errors: [{ path: '/image', message: expect.stringContaining(INPUTS) }] },
    });
  });
});
