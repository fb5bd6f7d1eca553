import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startNatsServer, type NatsServer } from '@anime/embedded-servers';
import { BLOBS_BUCKET, openLog, provision } from '@anime/event-store';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { BlobStore } from '../blob-store.js';
import { FsBlobStore } from '../fs-blob-store.js';
import { NatsBlobStore } from '../nats-blob-store.js';

const MIB = 1024 * 1024;
const CHUNK_BYTES = 128 * 1024;
const WINDOW = 16;

/** Of one way to store and read the same number of bytes. */
export interface BlobMeasurement {
  readonly name: string;
  readonly bytes: number;
  /** MiB a second. */
  readonly write: number;
  readonly read: number;
  /** MiB by which the memory of this process (RSS) was at most above what it was before, garbage included. */
  readonly growth: number;
  /** The same of nats-server, where it has a part in it and /proc tells. */
  readonly serverGrowth: number | undefined;
}

/**
 * Puts one blob of `bytes` into each kind of store and streams it back, beside the same bytes without a store: written to a
 * file and flushed, and published into the bucket in chunks. nats-server runs as a studio's does, with `sync_interval: always`.
 * @param folder for all data, at least five times `bytes`; default a temporary one
 */
export async function measureBlobStores(bytes: number, folder = tmpdir()): Promise<readonly BlobMeasurement[]> {
  const dir = await mkdtemp(path.join(folder, 'anime-measure-'));
  const server = await startNatsServer({ dataDir: path.join(dir, 'nats'), syncAlways: true });
  await provision({ natsUrl: server.url });
  const log = openLog({ natsUrl: server.url, name: 'measure' });
  try {
    const nc = await log.connected();
    const file = path.join(dir, 'raw');
    return [
      await measure('file, written and flushed', bytes, undefined, {
        write: (source) => writeFlushed(file, source),
        read: () => createReadStream(file, { highWaterMark: 256 * 1024 }),
      }),
      await measure('fs blob store', bytes, undefined, ofStore(new FsBlobStore(path.join(dir, 'blobs')))),
      await measure('bucket, published only', bytes, server, { write: (source) => publishChunks(nc, source) }),
      await measure('nats blob store', bytes, server, ofStore(new NatsBlobStore(log, BLOBS_BUCKET))),
    ];
  } finally {
    await log.close();
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

interface Way {
  write(source: AsyncIterable<Uint8Array>): Promise<void>;
  read?(): AsyncIterable<Uint8Array>;
}

function ofStore(store: BlobStore): Way {
  let sha256 = '';
  return {
    write: async (source) => void ({ sha256 } = await store.put(source)),
    read: () => store.stream(sha256),
  };
}

async function measure(
  name: string,
  bytes: number,
  server: NatsServer | undefined,
  way: Way,
): Promise<BlobMeasurement> {
  const before = process.memoryUsage.rss();
  const serverBefore = server && (await residentBytes(server.pid));
  let [most, serverMost] = [before, serverBefore];
  const look = async (): Promise<void> => {
    most = Math.max(most, process.memoryUsage.rss());
    const now = server && (await residentBytes(server.pid));
    if (now !== undefined) serverMost = Math.max(serverMost ?? 0, now);
  };
  const write = await rate(bytes, () => way.write(blocks(bytes, look)));
  const read = await rate(bytes, async () => {
    let done = 0;
    for await (const chunk of way.read?.() ?? []) {
      if (Math.floor((done + chunk.byteLength) / (16 * MIB)) > Math.floor(done / (16 * MIB))) await look();
      done += chunk.byteLength;
    }
    if (way.read !== undefined && done !== bytes) throw new Error(`${name}: ${done} bytes of ${bytes} came back`);
  });
  return {
    name,
    bytes,
    write,
    read: way.read === undefined ? Number.NaN : read,
    growth: (most - before) / MIB,
    serverGrowth:
      serverMost === undefined || serverBefore === undefined ? undefined : (serverMost - serverBefore) / MIB,
  };
}

/** Random bytes that are cheap to make: the same block with another beginning. */
async function* blocks(bytes: number, look: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const block = randomBytes(MIB);
  for (let at = 0; at < bytes; at += MIB) {
    block.writeDoubleLE(at);
    if (at % (16 * MIB) === 0) await look();
    yield block.subarray(0, Math.min(MIB, bytes - at));
  }
}

async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return bytes / MIB / ((performance.now() - began) / 1_000);
}

async function writeFlushed(file: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for await (const block of source) await handle.writeFile(block);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function publishChunks(nc: NatsConnection, source: AsyncIterable<Uint8Array>): Promise<void> {
  const js = jetstream(nc);
  const sent: Promise<unknown>[] = [];
  for await (const block of source) {
    for (let at = 0; at < block.byteLength; at += CHUNK_BYTES) {
      if (sent.length === WINDOW) await sent.shift();
      sent.push(js.publish(`$O.${BLOBS_BUCKET}.C.raw`, Uint8Array.from(block.subarray(at, at + CHUNK_BYTES))));
    }
  }
  await Promise.all(sent);
}

async function residentBytes(pid: number): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  return kib === undefined ? undefined : Number(kib) * 1_024;
}
