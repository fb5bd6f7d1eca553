import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import ffmpeg from '@ffmpeg-installer/ffmpeg';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import sharp, { type Sharp } from 'sharp';
import { walkThrough } from '../domain/attempt/container.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'anime-containers-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const VIDEO = ['-f', 'lavfi', '-i', 'testsrc=duration=1:size=64x48:rate=8'];
const AUDIO = ['-f', 'lavfi', '-i', 'sine=duration=1:sample_rate=48000'];

/** A file as a node makes it with ffmpeg. */
async function made(name: string, input: readonly string[], ...options: string[]): Promise<Buffer> {
  const file = path.join(dir, name);
  await promisify(execFile)(ffmpeg.path, ['-v', 'error', '-y', ...input, ...options, file]);
  return readFile(file);
}

/** What the walk says of a file that comes in chunks of this size. */
function flawOf(file: Uint8Array, chunkSize = file.length): string | undefined {
  const walk = walkThrough();
  for (let at = 0; at < file.length; at += chunkSize) walk.push(file.subarray(at, at + chunkSize));
  return walk.end();
}

const noise = (): Sharp =>
  sharp({
    create: {
      width: 64,
      height: 48,
      channels: 3,
      background: 'red',
      noise: { type: 'gaussian', mean: 128, sigma: 50 },
    },
  });

/** A header that tells the length, and so many bytes. */
function glb(bytes: number): Buffer {
  const file = Buffer.alloc(12 + bytes, 7);
  file.write('glTF', 'latin1');
  file.writeUInt32LE(2, 4);
  file.writeUInt32LE(file.length, 8);
  return file;
}

/** Scan lines without compression, as the OpenEXR file layout has them. */
function exr({
  lines,
  isUpwards = false,
  hasTable = true,
}: {
  lines: number;
  isUpwards?: boolean;
  hasTable?: boolean;
}): Buffer {
  const attribute = (name: string, type: string, value: Buffer): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(value.length);
    return Buffer.concat([Buffer.from(`${name}\0${type}\0`), size, value]);
  };
  const box = Buffer.alloc(16);
  box.writeInt32LE(15, 8);
  box.writeInt32LE(lines - 1, 12);
  const head = Buffer.concat([
    Buffer.from([0x76, 0x2f, 0x31, 0x01, 2, 0, 0, 0]),
    attribute('comment', 'string', Buffer.from('drawn')),
    attribute('compression', 'compression', Buffer.from([0])),
    attribute('dataWindow', 'box2i', box),
    Buffer.from([0]),
  ]);
  const table = Buffer.alloc(8 * lines);
  const line = Buffer.alloc(8 + 64, 3);
  line.writeUInt32LE(64, 4);
  for (let n = 0; n < lines && hasTable; n += 1) {
    const place = isUpwards ? lines - 1 - n : n;
    table.writeBigUInt64LE(BigInt(head.length + table.length + place * line.length), 8 * n);
  }
  return Buffer.concat([head, table, ...Array.from({ length: lines }, () => line)]);
}

describe('a file', () => {
  it.each<readonly [string, () => Promise<Buffer>]>([
    ['MP4', () => made('a.mp4', VIDEO, '-pix_fmt', 'yuv420p')],
    ['MP4 that begins with its index', () => made('b.mp4', VIDEO, '-pix_fmt', 'yuv420p', '-movflags', '+faststart')],
    ['QuickTime', () => made('a.mov', VIDEO, '-pix_fmt', 'yuv420p')],
    ['M4A', () => made('a.m4a', AUDIO)],
    ['WebM', () => made('a.webm', VIDEO, '-c:v', 'libvpx-vp9')],
    ['Matroska', () => made('a.mkv', VIDEO)],
    ['WAVE', () => made('a.wav', AUDIO)],
    ['FLAC', () => made('a.flac', AUDIO)],
    ['FLAC of 24 bits, 6 channels', () => made('b.flac', AUDIO, '-ac', '6', '-sample_fmt', 's32')],
    ['Opus', () => made('a.opus', AUDIO, '-c:a', 'libopus')],
    ['Vorbis', () => made('a.ogg', AUDIO, '-c:a', 'libvorbis')],
    ['MP3', () => made('a.mp3', AUDIO)],
    ['MP3 of a low rate', () => made('b.mp3', AUDIO, '-ar', '22050', '-b:a', '64k', '-id3v2_version', '0')],
    ['PNG', () => noise().png().toBuffer()],
    ['JPEG', () => noise().jpeg().toBuffer()],
    ['GIF', () => noise().gif().toBuffer()],
    ['WebP', () => noise().webp().toBuffer()],
    ['AVIF', () => noise().avif().toBuffer()],
    ['progressive JPEG', () => noise().jpeg({ progressive: true }).toBuffer()],
    ['animated GIF', () => made('a.gif', VIDEO)],
    ['AVI', () => made('a.avi', VIDEO)],
    ['BMP', () => made('a.bmp', VIDEO, '-frames:v', '1')],
    ['GLB', async () => glb(5_000)],
    ['EXR', async () => exr({ lines: 100 })],
    ['EXR from the bottom up', async () => exr({ lines: 100, isUpwards: true })],
  ])('that is %s passes whole, however it comes, and not when it is cut off', async (_, make) => {
    const file = await make();
    expect(flawOf(file)).toBeUndefined();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_000 }), (size) => expect(flawOf(file, size)).toBeUndefined()),
      { numRuns: 20 },
    );
    const passed = [];
    for (let n = 1; n < 100; n += 1) {
      const length = 64 + Math.floor(((file.length - 64) * n) / 100);
      if (flawOf(file.subarray(0, length), 1_000) === undefined) passed.push(length);
    }
    // The last byte too.
    if (flawOf(file.subarray(0, -1)) === undefined) passed.push(file.length - 1);
    expect(passed).toEqual([]);
  });

  it.each<readonly [string, () => Promise<Buffer>]>([
    ['JPEG', () => noise().jpeg().toBuffer()],
    ['GIF', () => noise().gif().toBuffer()],
    ['PNG', () => noise().png().toBuffer()],
  ])('that is %s passes with anything behind it', async (_, make) => {
    expect(flawOf(Buffer.concat([await make(), Buffer.alloc(100_000, 1)]), 1_000)).toBeUndefined();
  });

  it('that is JPEG does not take the end of the thumbnail in it for its own', async () => {
    const [file, thumbnail] = [await noise().jpeg().toBuffer(), await noise().resize(8).jpeg().toBuffer()];
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, 0]), thumbnail]);
    segment.writeUInt16BE(thumbnail.length + 2, 2);
    const whole = Buffer.concat([file.subarray(0, 2), segment, file.subarray(2)]);
    expect(flawOf(whole)).toBeUndefined();
    expect(flawOf(whole.subarray(0, segment.length + 200))).toContain('cut off');
  });

  it('that is EXR is cut off when its writer never came to fill in where its lines are', () => {
    expect(flawOf(exr({ lines: 100, hasTable: false }))).toContain('table of offsets');
  });

  it.each<readonly [string, () => Promise<Buffer>]>([
    ['MP4 that begins with its index', () => made('c.mp4', VIDEO, '-pix_fmt', 'yuv420p', '-movflags', '+faststart')],
    ['AVIF', () => noise().avif().toBuffer()],
  ])('that is %s does not pass when it ends just before what it is an index of', async (_, make) => {
    const file = await make();
    const data = file.indexOf('mdat') - 4;
    expect(data).toBeGreaterThan(0);
    expect(flawOf(file.subarray(0, data))).toContain('mdat');
  });

  it('of a format that is not known passes, and one that only zeros are left of does not', () => {
    expect(flawOf(Buffer.from('8BPS and so on'))).toBeUndefined();
    expect(flawOf(Buffer.alloc(100_000), 10)).toMatch(/zeros/);
  });
});
