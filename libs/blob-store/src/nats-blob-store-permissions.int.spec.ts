import { randomBytes } from 'node:crypto';
import { openLog, provision, type JetStreamLog } from '@anime/event-store';
import { useNats } from '@anime/testing';
import { afterAll, describe, expect, it } from '@jest/globals';
import { NatsBlobStore } from './nats-blob-store.js';
import { Bucket } from './nats/bucket.js';

const MIB = 1024 * 1024;
const logs: JetStreamLog[] = [];

afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
});

async function* twoBlocks(): AsyncGenerator<Uint8Array> {
  yield randomBytes(100_000);
  yield randomBytes(100_000);
}

describe('NatsBlobStore, by what its NATS user may do', () => {
  const READ = [
    '$JS.API.STREAM.INFO.OBJ_ANIME_BLOBS',
    '$JS.API.STREAM.MSG.GET.OBJ_ANIME_BLOBS',
    '$JS.API.CONSUMER.CREATE.OBJ_ANIME_BLOBS.*.$O.ANIME_BLOBS.C.*',
    '$JS.API.CONSUMER.MSG.NEXT.OBJ_ANIME_BLOBS.*',
    '$JS.API.CONSUMER.DELETE.OBJ_ANIME_BLOBS.*',
  ];
  const WRITE = [
    ...READ,
    '$JS.API.STREAM.PURGE.OBJ_ANIME_BLOBS',
    '$O.ANIME_BLOBS.C.*',
    '$O.ANIME_BLOBS.M.*',
    '$O.ANIME_BLOBS.U.*',
  ];
  const user = (name: string, publish: readonly string[]): string =>
    `{ user: ${name}, password: p, permissions: { publish: ${JSON.stringify(publish)}, subscribe: ["_INBOX.>"] } }`;
  const guarded = useNats({
    extraConfig: `authorization { users: [ { user: admin, password: p }, ${user('writer', WRITE)}, ${user('reader', READ)} ] }`,
  });
  const logOf = async (name: string): Promise<JetStreamLog> => {
    const log = openLog({ natsUrl: (await guarded.server()).url, name, credentials: { user: name, pass: 'p' } });
    logs.push(log);
    await log.connected();
    return log;
  };
  const storeOf = async (name: string) => new NatsBlobStore(await logOf(name), 'ANIME_BLOBS');

  it('writes with these subjects, reads with fewer, and cannot write with those', async () => {
    await provision({ natsUrl: (await guarded.server()).url, credentials: { user: 'admin', pass: 'p' } });
    const [writer, reader] = [await storeOf('writer'), await storeOf('reader')];
    const content = randomBytes(5 * MIB);
    const { sha256 } = await writer.put(content);
    expect(await writer.put(twoBlocks())).toMatchObject({ size: 200_000 });
    expect(Buffer.compare(await reader.get(sha256), content)).toBe(0);
    expect(await reader.has(sha256)).toEqual({ size: 5 * MIB });
    await reader.check();
    await expect(reader.put(Buffer.from('x'))).rejects.toMatchObject({ code: 'storage-failed' });
    // Nor did the writer leave marks, which it may not notice.
    const bucket = new Bucket(await logOf('admin'), 'ANIME_BLOBS');
    expect(await bucket.marked()).toEqual([]);
  });
});
