import { createHash, randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { BlobStore } from '../blob-store.js';

const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const MISSING = '0'.repeat(64);
const MIB = 1024 * 1024;

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* cut(content: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.byteLength; at += size) yield content.subarray(at, at + size);
}

/** Bytes of buffers that something still refers to: what is only not collected yet does not count. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const runCollector = runInNewContext('gc') as () => void; // which that flag puts into each new context
  // Memory is given back beside the program; the second run waits until that of the first is done.
  runCollector();
  runCollector();
  return process.memoryUsage().arrayBuffers;
}

/** Where blobs lie, and what can be done to them there behind a store's back. */
export interface BlobPlace {
  /** A store as another process would open it. */
  open(): BlobStore;
  /** Ways to change what is stored of a blob, each with a name. */
  readonly damages: Readonly<Record<string, (sha256: string) => Promise<void>>>;
  /** What lies there and is not (part of) a blob. */
  leftovers(): Promise<readonly string[]>;
}

/**
 * What every blob store must do.
 * @param makePlace a new, empty one
 */
export function runBlobStoreConformance(name: string, makePlace: () => Promise<BlobPlace>): void {
  const factory = async (): Promise<BlobStore> => (await makePlace()).open();
  describe(`${name} as a blob store`, () => {
    it('names a blob by the SHA-256 of its content and gives the content back, however it was cut into chunks', async () => {
      const store = await factory();
      await fc.assert(
        fc.asyncProperty(
          fc.uint8Array({ maxLength: 5_000 }),
          fc.integer({ min: 1, max: 1_000 }),
          fc.boolean(),
          async (content, size, streamed) => {
            const sha256 = createHash('sha256').update(content).digest('hex');
            const stored = await store.put(streamed ? cut(content, size) : content);
            expect(stored).toEqual({ sha256, size: content.byteLength });
            expect(Buffer.compare(await store.get(sha256), content)).toBe(0);
            expect(Buffer.compare(await collect(store.stream(sha256)), content)).toBe(0);
            expect(await store.has(sha256)).toEqual({ size: content.byteLength });
          },
        ),
        { numRuns: 30 },
      );
    });

    it('stores the empty blob', async () => {
      const store = await factory();
      expect(await store.put(cut(new Uint8Array(), 1))).toEqual({ sha256: EMPTY, size: 0 });
      expect(await store.get(EMPTY)).toHaveLength(0);
      expect(await collect(store.stream(EMPTY))).toHaveLength(0);
    });

    it('says that a blob is missing, also for a name that is no hash', async () => {
      const store = await factory();
      for (const sha256 of [MISSING, '', '../../etc/passwd', EMPTY.toUpperCase(), `${MISSING}0`]) {
        await expect(store.get(sha256)).rejects.toMatchObject({ code: 'blob-not-found' });
        await expect(collect(store.stream(sha256))).rejects.toMatchObject({ code: 'blob-not-found' });
        expect(await store.has(sha256)).toBeUndefined();
      }
    });

    it('keeps nothing of a source that fails, and throws its error', async () => {
      const place = await makePlace();
      const store = place.open();
      const error = new Error('the source broke');
      const begin = randomBytes(300_000);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield begin;
        throw error;
      }
      await expect(store.put(broken())).rejects.toBe(error);
      expect(await store.has(createHash('sha256').update(begin).digest('hex'))).toBeUndefined();
      expect(await place.leftovers()).toEqual([]);
    });

    it('shows a blob at once to whoever else opens the place', async () => {
      const place = await makePlace();
      const { sha256 } = await place.open().put(Buffer.from('a picture'));
      expect(Buffer.from(await place.open().get(sha256)).toString()).toBe('a picture');
    });

    it('says so when a blob was changed behind its back, and repairs it by the next put of its content', async () => {
      const place = await makePlace();
      for (const [how, damage] of Object.entries(place.damages)) {
        for (const streamed of [true, false]) {
          const store = place.open();
          const content = randomBytes(400_000);
          const { sha256 } = await store.put(content);
          await damage(sha256);
          const faults = await Promise.all(
            [store.get(sha256), collect(store.stream(sha256))].map((read) =>
              read.then(
                () => 'none',
                (error: unknown) => (error as { code?: string }).code,
              ),
            ),
          );
          expect([how, ...faults]).toEqual([how, 'blob-corrupt', 'blob-corrupt']);
          expect(await store.put(streamed ? cut(content, 7_001) : content)).toEqual({ sha256, size: 400_000 });
          expect([how, Buffer.compare(await store.get(sha256), content)]).toEqual([how, 0]);
        }
      }
    });

    it('stores the same content once for any number of concurrent puts', async () => {
      const place = await makePlace();
      const store = place.open();
      const content = randomBytes(300_000);
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          (i % 3 === 0 ? place.open() : store).put(i % 2 === 0 ? content : cut(content, 7_001)),
        ),
      );
      expect(new Set(all.map((blob) => blob.sha256)).size).toBe(1);
      expect(Buffer.compare(await store.get(all[0]?.sha256 ?? ''), content)).toBe(0);
      expect(await place.leftovers()).toEqual([]);
    });

    it('stores different contents side by side', async () => {
      const store = await factory();
      const contents = Array.from({ length: 20 }, () => randomBytes(10_000));
      const blobs = await Promise.all(contents.map((content) => store.put(content)));
      for (const [i, blob] of blobs.entries())
        expect(Buffer.compare(await store.get(blob.sha256), contents[i] ?? Buffer.alloc(0))).toBe(0);
    });

    it('does not run over a reader that waits', async () => {
      const store = await factory();
      const other = await store.put(randomBytes(8 * MIB));
      const { sha256 } = await store.put(cut(randomBytes(40 * MIB), MIB));
      const reader = store.stream(sha256)[Symbol.asyncIterator]();
      const before = heldBytes();
      const first = await reader.next();
      let read = first.done === true ? 0 : first.value.byteLength;
      // Takes the same way and some time: what is pushed at the reader would have come by then.
      for await (const _chunk of store.stream(other.sha256));
      expect(heldBytes() - before).toBeLessThan(12 * MIB);
      for (let step = await reader.next(); step.done !== true; step = await reader.next())
        read += step.value.byteLength;
      expect(read).toBe(40 * MIB);
    });

    it('takes and gives a stream of 160 MiB, and holds only a small part of it at any time', async () => {
      const store = await factory();
      const block = randomBytes(MIB);
      const before = heldBytes();
      let peak = 0;
      const look = (done: number): void => {
        // The collector takes a second in a process that has run many other specs.
        if (done % (32 * MIB) === 0) peak = Math.max(peak, heldBytes() - before);
      };
      async function* large(): AsyncGenerator<Uint8Array> {
        for (let i = 0; i < 160; i += 1) {
          yield Buffer.from(block);
          look((i + 1) * MIB);
        }
      }
      const { sha256, size } = await store.put(large());
      let read = 0;
      for await (const chunk of store.stream(sha256)) {
        read += chunk.byteLength;
        look(read);
      }
      expect([size, read]).toEqual([160 * MIB, 160 * MIB]);
      expect(peak).toBeLessThan(16 * MIB);
    }, 180_000);

    it('can be left in the middle of a stream', async () => {
      const store = await factory();
      const { sha256 } = await store.put(randomBytes(2 * MIB));
      for await (const chunk of store.stream(sha256)) {
        expect(chunk.byteLength).toBeGreaterThan(0);
        break;
      }
      expect(await store.has(sha256)).toEqual({ size: 2 * MIB });
    });
  });
}
