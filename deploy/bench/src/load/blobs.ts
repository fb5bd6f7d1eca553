import { randomBytes } from 'node:crypto';
import { FsBlobStore, NatsBlobStore, type BlobStore } from '@anime/blob-store';
import { BLOBS_BUCKET, openLog } from '@anime/event-store';
import { pss } from '../memory.js';
import { rawChunks, rawFiles, type BlobWay } from '../raw/raw-blobs.js';
import { serve } from './serve.js';

export type BlobsWho = 'fs' | 'raw file' | 'nats' | 'raw chunks';

export interface BlobsAsk {
  readonly who: BlobsWho;
  readonly natsUrl: string;
  /** For the data of `fs` and `raw file`. */
  readonly dir: string;
  /** Of the one blob that is stored and read back. */
  readonly bytes: number;
}
export interface BlobsAnswer {
  readonly writeMiBPerSecond: number;
  readonly readMiBPerSecond: number;
  /** Most memory (PSS) of this process meanwhile, garbage included; undefined where the system does not tell. */
  readonly mostMemory: number | undefined;
}

const MIB = 2 ** 20;
const LOOK_EVERY = 16 * MIB;

let way: BlobWay | undefined;

serve(async ({ who, natsUrl, dir, bytes }: BlobsAsk): Promise<BlobsAnswer> => {
  way ??= await open(who, natsUrl, dir);
  const { write, read } = way;
  let most: number | undefined;
  const look = async (): Promise<void> => {
    const now = await pss(process.pid);
    if (now !== undefined) most = Math.max(most ?? 0, now);
  };
  let name = '';
  const writeMiBPerSecond = await rate(bytes, async () => void (name = await write(blocks(bytes, look))));
  const readMiBPerSecond = await rate(bytes, async () => {
    let done = 0;
    for await (const chunk of read(name)) {
      if (Math.floor((done + chunk.byteLength) / LOOK_EVERY) > Math.floor(done / LOOK_EVERY)) await look();
      done += chunk.byteLength;
    }
    if (done !== bytes) throw new Error(`${who}: ${done} bytes of ${bytes} came back`);
  });
  return { writeMiBPerSecond, readMiBPerSecond, mostMemory: most };
});

async function open(who: BlobsWho, natsUrl: string, dir: string): Promise<BlobWay> {
  if (who === 'fs') return wayOf(new FsBlobStore(dir));
  if (who === 'raw file') return rawFiles(dir);
  const log = openLog({ natsUrl, name: 'bench' });
  const nc = await log.connected();
  return who === 'nats' ? wayOf(new NatsBlobStore(log, BLOBS_BUCKET)) : rawChunks(nc);
}

function wayOf(store: BlobStore): BlobWay {
  return {
    write: async (source) => (await store.put(source)).sha256,
    read: (sha256) => store.stream(sha256),
  };
}

/** Bytes that are cheap to make and no blob had before: the same random block with another beginning. */
async function* blocks(bytes: number, look: () => Promise<void>): AsyncGenerator<Uint8Array> {
  const block = randomBytes(MIB);
  for (let at = 0; at < bytes; at += MIB) {
    block.writeDoubleLE(at);
    if (at % LOOK_EVERY === 0) await look();
    yield block.subarray(0, Math.min(MIB, bytes - at));
  }
}

/** MiB a second. */
async function rate(bytes: number, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return bytes / MIB / ((performance.now() - began) / 1_000);
}
