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
  (runInNewContext('gc') as () => void)(); // which that flag puts into each new context
  return process.memoryUsage().arrayBuffers;
}

/**
 * What every blob store must do.
 * @param factory a new, empty store
 */
export function runBlobStoreConformance(name: string, factory: () => Promise<BlobStore>): void {
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
      const store = await factory();
      const error = new Error('the source broke');
      const begin = randomBytes(100_000);
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield begin;
        throw error;
      }
      await expect(store.put(broken())).rejects.toBe(error);
      expect(await store.has(createHash('sha256').update(begin).digest('hex'))).toBeUndefined();
    });

    it('stores the same content once for any number of concurrent puts', async () => {
      const store = await factory();
      const content = randomBytes(300_000);
      const all = await Promise.all(
        Array.from({ length: 12 }, (_, i) => store.put(i % 2 === 0 ? content : cut(content, 7_001))),
      );
      expect(new Set(all.map((blob) => blob.sha256)).size).toBe(1);
      expect(Buffer.compare(await store.get(all[0]?.sha256 ?? ''), content)).toBe(0);
    });

    it('stores different contents side by side', async () => {
      const store = await factory();
      const contents = Array.from({ length: 20 }, () => randomBytes(10_000));
      const blobs = await Promise.all(contents.map((content) => store.put(content)));
      for (const [i, blob] of blobs.entries())
        expect(Buffer.compare(await store.get(blob.sha256), contents[i] ?? Buffer.alloc(0))).toBe(0);
    });

    it('takes and gives a stream of 160 MiB, and holds only a small part of it at any time', async () => {
      const store = await factory();
      const block = randomBytes(MIB);
      const before = heldBytes();
      let peak = 0;
      const look = (done: number): void => {
        if (done % (16 * MIB) === 0) peak = Math.max(peak, heldBytes() - before);
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
      // Between two looks 16 MiB pass by, and the memory of what was collected is given back a little later.
      expect(peak).toBeLessThan(48 * MIB);
    });

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
