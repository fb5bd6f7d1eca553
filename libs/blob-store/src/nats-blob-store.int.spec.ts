import { createHash, randomBytes } from 'node:crypto';
import { openLog, provision, type JetStreamLog } from '@anime/event-store';
import { startTcpProxy } from '@anime/event-store/testing';
import { eventually, useNats } from '@anime/testing';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { afterAll, describe, expect, it } from '@jest/globals';
import { NatsBlobStore } from './nats-blob-store.js';
import { sweep } from './nats/sweep.js';
import { Bucket, type BlobConnection } from './nats/bucket.js';
import { runBlobStoreConformance, type BlobPlace } from './testing/index.js';

const MIB = 1024 * 1024;
const HOUR_MS = 3_600_000;
const nats = useNats();
const logs: JetStreamLog[] = [];
let count = 0;

afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
});

interface Place extends BlobPlace {
  readonly bucket: string;
  readonly stream: string;
  readonly nc: NatsConnection;
  readonly jsm: JetStreamManager;
  open(): NatsBlobStore;
  /** Messages by subject, without `$O.<bucket>.`. */
  subjects(): Promise<Record<string, number>>;
  uploadOf(sha256: string): Promise<string>;
}

function connect(url: string): JetStreamLog {
  const log = openLog({ natsUrl: url, name: 'test' });
  logs.push(log);
  return log;
}

async function makePlace(): Promise<Place> {
  count += 1;
  const { url } = await nats.server();
  const nc = await nats.connection();
  const jsm = await jetstreamManager(nc);
  const bucket = `B${count}`;
  const stream = `OBJ_${bucket}`;
  const names = { stream: `E${count}`, root: `e${count}`, progressStream: `P${count}`, progressRoot: `p${count}` };
  await provision({ nc, ...names, leasesBucket: `L${count}`, blobsBucket: bucket, durables: [] });
  const log = connect(url);
  await log.connected();
  const record = (sha256: string): string => `$O.${bucket}.M.${Buffer.from(sha256).toString('base64url')}==`;
  const readRecord = async (sha256: string): Promise<{ nuid: string }> => {
    const message = await jsm.streams.getMessage(stream, { last_by_subj: record(sha256) });
    return message?.json<{ nuid: string }>() ?? { nuid: '' };
  };
  const chunksOf = async (sha256: string): Promise<string> => `$O.${bucket}.C.${(await readRecord(sha256)).nuid}`;
  const firstChunk = async (sha256: string) => {
    const found = await jsm.direct.getMessage(stream, { seq: 1, next_by_subj: await chunksOf(sha256) });
    if (found === null) throw new Error('the blob has no chunks');
    return found;
  };
  const subjects = async (): Promise<Record<string, number>> => {
    const { state } = await jsm.streams.info(stream, { subjects_filter: '>' });
    return Object.fromEntries(
      Object.entries(state.subjects ?? {}).map(([name, n]) => [name.split('.').slice(2).join('.'), n]),
    );
  };
  const publish = async (subject: string, data: Uint8Array | string) =>
    void (await jetstream(nc).publish(subject, data));
  return {
    bucket,
    stream,
    nc,
    jsm,
    open: () => new NatsBlobStore(log, bucket),
    subjects,
    uploadOf: async (sha256) => (await readRecord(sha256)).nuid,
    damages: {
      'a chunk too many': async (sha256) => publish(await chunksOf(sha256), 'more'),
      'the first chunk gone': async (sha256) => {
        const { seq } = await firstChunk(sha256);
        await jsm.streams.purge(stream, { filter: await chunksOf(sha256), seq: seq + 1 });
      },
      'no chunks': async (sha256) => void (await jsm.streams.purge(stream, { filter: await chunksOf(sha256) })),
      'its chunks in another order': async (sha256) => {
        const { seq, data } = await firstChunk(sha256);
        await jsm.streams.purge(stream, { filter: await chunksOf(sha256), seq: seq + 1 });
        await publish(await chunksOf(sha256), data);
      },
      'a record that is none': (sha256) => publish(record(sha256), '{"nuid":"a.>","size":1}'),
      'the record of another blob': async (sha256) => {
        const other = await new NatsBlobStore(log, bucket).put(randomBytes(400_000));
        await publish(record(sha256), JSON.stringify({ ...(await readRecord(other.sha256)) }));
      },
      'a record that says it is empty': async (sha256) =>
        publish(record(sha256), JSON.stringify({ ...(await readRecord(sha256)), chunks: 0 })),
    },
    leftovers: async () => {
      const found = await subjects();
      const records = Object.keys(found).filter((subject) => subject.startsWith('M.'));
      const names = records.map((subject) => Buffer.from(subject.slice(2), 'base64url').toString());
      const used = new Set(await Promise.all(names.map(async (name) => `C.${(await readRecord(name)).nuid}`)));
      return Object.keys(found).filter((subject) => !records.includes(subject) && !used.has(subject));
    },
  };
}

runBlobStoreConformance('NatsBlobStore', makePlace);

const hashOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

async function readAll(store: NatsBlobStore, sha256: string): Promise<number> {
  let read = 0;
  for await (const chunk of store.stream(sha256)) read += chunk.byteLength;
  return read;
}

async function* cut(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/** A connection on which the first chunk is stored behind the others, as may happen when a cluster changes its leader. */
async function overtaking(log: JetStreamLog): Promise<BlobConnection> {
  const nc = await log.connection();
  const overtaken = Promise.withResolvers<void>();
  let chunks = 0;
  const own: NatsConnection = Object.create(nc, {
    request: {
      value: async (...[subject, ...rest]: Parameters<NatsConnection['request']>) => {
        const ordinal = subject.includes('.C.') ? (chunks += 1) : undefined;
        if (ordinal === 1) await overtaken.promise;
        const answer = await nc.request(subject, ...rest);
        if (ordinal === 2) overtaken.resolve();
        return answer;
      },
    },
  }) as NatsConnection; // of which it is all else
  return { connection: () => Promise.resolve(own), whileUp: (request) => log.whileUp(request) };
}

/** Gives blocks until it is told to pause, and goes on when it is let. */
function pausingSource(blocks: number, pauseAt: number) {
  const paused = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let asked = 0;
  async function* source(): AsyncGenerator<Uint8Array> {
    for (; asked < blocks; asked += 1) {
      if (asked === pauseAt) {
        paused.resolve();
        await goOn.promise;
      }
      yield randomBytes(64 * 1024);
    }
  }
  return { source: source(), paused: paused.promise, goOn: goOn.resolve, asked: () => asked };
}

describe('NatsBlobStore', () => {
  it('lays a blob out as an object of a NATS object store, in chunks of 128 KiB, with nothing beside it', async () => {
    const place = await makePlace();
    const content = randomBytes(300_000);
    const { sha256 } = await place.open().put(content);
    const upload = await place.uploadOf(sha256);
    const record = `M.${Buffer.from(sha256).toString('base64url')}==`;
    expect(await place.subjects()).toEqual({ [`C.${upload}`]: 3, [record]: 1 });
    const message = await place.jsm.streams.getMessage(place.stream, { last_by_subj: `$O.${place.bucket}.${record}` });
    expect(message?.json()).toEqual({
      name: sha256,
      bucket: place.bucket,
      nuid: upload,
      size: 300_000,
      chunks: 3,
      digest: `SHA-256=${createHash('sha256').update(content).digest('base64url')}=`,
      mtime: expect.stringMatching(/^\d{4}-.*Z$/),
      options: { max_chunk_size: 131_072 },
    });
  });

  it('frees the consumer of a reader that leaves early', async () => {
    const place = await makePlace();
    const store = place.open();
    const { sha256 } = await store.put(randomBytes(8 * MIB));
    const consumers = async () => (await place.jsm.streams.info(place.stream)).state.consumer_count;
    for await (const _chunk of store.stream(sha256)) {
      expect(await consumers()).toBe(1);
      break;
    }
    await eventually(async () => (await consumers()) === 0, { what: 'the consumer is gone', timeoutMs: 10_000 });
  });

  it('goes on reading when the server has forgotten the consumer of a reader that paused', async () => {
    const place = await makePlace();
    const store = place.open();
    const content = randomBytes(12 * MIB);
    const { sha256 } = await store.put(content);
    const read: Uint8Array[] = [];
    for await (const chunk of store.stream(sha256)) {
      read.push(chunk);
      if (read.length !== 20) continue;
      for await (const { name } of place.jsm.consumers.list(place.stream))
        await place.jsm.consumers.delete(place.stream, name);
    }
    expect(Buffer.compare(Buffer.concat(read), content)).toBe(0);
  });

  it('removes what a process that died left, and neither what another is writing nor what has its name', async () => {
    const place = await makePlace();
    const store = place.open();
    const js = jetstream(place.nc);
    const kept = await store.put(randomBytes(300_000));
    const keptUpload = await place.uploadOf(kept.sha256);
    const left = async (upload: string, mark: string): Promise<void> => {
      await js.publish(`$O.${place.bucket}.U.${upload}`, mark);
      await js.publish(`$O.${place.bucket}.C.${upload}`, randomBytes(1_000));
    };
    await left('died-uploading', '');
    await left('died-naming', hashOf(Buffer.from('never named')));
    await left('lost-the-race', kept.sha256);
    await js.publish(`$O.${place.bucket}.U.${keptUpload}`, kept.sha256); // died before it took its mark away
    const before = await place.leftovers();
    expect(before).toHaveLength(7);

    const bucket = new Bucket(connect((await nats.server()).url), place.bucket);
    await sweep(bucket, new Date());
    expect(await place.leftovers()).toEqual(before);
    // The hour is the server's: later, from its point of view.
    await sweep(bucket, new Date(Date.now() + 2 * HOUR_MS));
    expect(await place.leftovers()).toEqual([]);
    expect(await readAll(store, kept.sha256)).toBe(300_000);
  });

  it('clears such things away at the first put of a process', async () => {
    const place = await makePlace();
    const log = connect((await nats.server()).url);
    await jetstream(place.nc).publish(`$O.${place.bucket}.U.dead`, '');
    await jetstream(place.nc).publish(`$O.${place.bucket}.C.dead`, 'half');
    await eventually(
      async () => {
        await new NatsBlobStore(log, place.bucket, 2_000).put(cut(randomBytes(10)));
        return (await place.leftovers()).length === 0;
      },
      { what: 'nothing is left', intervalMs: 200 },
    );
  });

  it('refuses a source that pauses for half as long, before its upload could be taken for a dead one', async () => {
    const place = await makePlace();
    const log = connect((await nats.server()).url);
    await log.connected();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield randomBytes(200_000);
      const since = Date.now();
      await eventually(() => Date.now() - since > 1_200, { what: 'the pause is over' });
      yield randomBytes(200_000);
    }
    await expect(new NatsBlobStore(log, place.bucket, 2_000).put(slow())).rejects.toMatchObject({
      code: 'storage-failed',
      message: expect.stringContaining('paused'),
    });
    expect(await place.leftovers()).toEqual([]);
  });

  it('leaves an upload alone whose mark is old and whose chunks still come', async () => {
    const place = await makePlace();
    const bucket = new Bucket(connect((await nats.server()).url), place.bucket);
    const js = jetstream(place.nc);
    await js.publish(`$O.${place.bucket}.U.slow`, '');
    const mark = await place.jsm.streams.getMessage(place.stream, { last_by_subj: `$O.${place.bucket}.U.slow` });
    const markedAt = mark?.time.getTime() ?? 0;
    await eventually(() => Date.now() > markedAt + 5, { what: 'the chunk is younger than the mark' });
    await js.publish(`$O.${place.bucket}.C.slow`, 'x');
    await sweep(bucket, new Date(markedAt + HOUR_MS + 1));
    expect(await place.leftovers()).toHaveLength(2);
  });

  it('says storage-failed when the bucket is full, leaves nothing, and works again once there is room', async () => {
    const place = await makePlace();
    const store = place.open();
    const { config } = await place.jsm.streams.info(place.stream);
    await place.jsm.streams.update(place.stream, { ...config, max_bytes: 2 * MIB });
    await expect(store.put(pausingSource(100, -1).source)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.stringContaining('no room'),
    });
    expect(await place.subjects()).toEqual({});
    const { sha256 } = await store.put(randomBytes(MIB));
    expect(await readAll(store, sha256)).toBe(MIB);
  });

  it('acknowledges no blob whose chunks were stored in another order than they were sent, and leaves nothing', async () => {
    const place = await makePlace();
    const log = connect((await nats.server()).url);
    const store = new NatsBlobStore(await overtaking(log), place.bucket);
    const content = randomBytes(300_000);
    await expect(store.put(cut(content))).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.stringContaining('out of order'),
    });
    expect(await place.subjects()).toEqual({});
    expect(await store.put(content)).toEqual({ sha256: hashOf(content), size: 300_000 });
    expect(Buffer.compare(await place.open().get(hashOf(content)), content)).toBe(0);
  });

  it('says that the bucket is missing and how to make it', async () => {
    const { url } = await nats.server();
    const store = new NatsBlobStore(connect(url), 'NOWHERE');
    const missing = { code: 'storage-failed', message: expect.stringContaining('anime provision') };
    await expect(store.put(Buffer.from('x'))).rejects.toMatchObject(missing);
    await expect(store.put(pausingSource(1, -1).source)).rejects.toMatchObject(missing);
    await expect(store.get(hashOf(Buffer.from('x')))).rejects.toMatchObject(missing);
    await expect(store.has(hashOf(Buffer.from('x')))).rejects.toMatchObject(missing);
    await expect(store.check()).rejects.toMatchObject(missing);
  });
});

describe('NatsBlobStore, when the server', () => {
  it('is killed in the middle of a put: storage-failed, nothing to be seen, and a retry works', async () => {
    const place = await makePlace();
    const server = await nats.server();
    const store = place.open();
    const { source, paused, goOn } = pausingSource(100, 40);
    const failed = store.put(source).catch((error: unknown) => error);
    await paused;
    await server.kill();
    goOn();
    expect(await failed).toMatchObject({ code: 'storage-failed', retryable: true });
    await expect(store.has(hashOf(Buffer.from('x')))).rejects.toMatchObject({ code: 'storage-failed' });
    await server.restart();
    const content = randomBytes(3 * MIB);
    const blob = await eventually(() => store.put(content), { what: 'the retry' });
    expect(await readAll(store, blob.sha256)).toBe(3 * MIB);
    const left = await place.leftovers();
    expect(left.map((subject) => subject.slice(0, 2)).sort()).toEqual(['C.', 'U.']);
    await sweep(new Bucket(connect(server.url), place.bucket), new Date(Date.now() + 2 * HOUR_MS));
    expect(await place.leftovers()).toEqual([]);
  });

  it('is killed in the middle of a read: storage-failed, and a retry works', async () => {
    const place = await makePlace();
    const server = await nats.server();
    const store = place.open();
    const { sha256 } = await store.put(randomBytes(16 * MIB));
    const read = async (): Promise<void> => {
      let chunks = 0;
      for await (const _chunk of store.stream(sha256)) {
        chunks += 1;
        if (chunks === 3) await server.kill();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: 'storage-failed', retryable: true });
    await server.restart();
    expect(await eventually(() => readAll(store, sha256), { what: 'the retry' })).toBe(16 * MIB);
  });

  it('has named a blob and its answer is lost: the put fails, and the blob stays whole, also after the sweep', async () => {
    const place = await makePlace();
    const server = await nats.server();
    await using proxy = await startTcpProxy(server.port);
    const log = connect(proxy.url);
    await log.connected();
    const content = randomBytes(300_000);
    async function* source(): AsyncGenerator<Uint8Array> {
      yield content;
      proxy.cutAtAnswerTo(`PUB $O.${place.bucket}.M.`);
    }
    await expect(new NatsBlobStore(log, place.bucket).put(source())).rejects.toMatchObject({ code: 'storage-failed' });
    const direct = place.open();
    expect(await direct.has(hashOf(content))).toEqual({ size: 300_000 });
    expect(Buffer.compare(await direct.get(hashOf(content)), content)).toBe(0);
    await sweep(new Bucket(connect(server.url), place.bucket), new Date(Date.now() + 2 * HOUR_MS));
    expect(Buffer.compare(await direct.get(hashOf(content)), content)).toBe(0);
    expect(await place.leftovers()).toEqual([]);
    await log.close();
  });

  it('hangs: the source is asked for 2 MiB and not for more, and the put fails', async () => {
    const place = await makePlace();
    const server = await nats.server();
    const { source, paused, goOn, asked } = pausingSource(2_000, 10);
    const failed = place
      .open()
      .put(source)
      .catch((error: unknown) => error);
    await paused;
    process.kill(server.pid, 'SIGSTOP');
    try {
      goOn();
      expect(await failed).toMatchObject({ code: 'storage-failed' });
      expect(asked()).toBeLessThan(10 + 40);
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
  });
});
