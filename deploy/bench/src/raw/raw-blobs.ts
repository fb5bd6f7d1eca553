import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { BLOBS_BUCKET } from '@anime/event-store';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** One way to store a sequence of bytes and to read it back. */
export interface BlobWay {
  /** @returns what to read it by, once it is durable */
  write(source: AsyncIterable<Uint8Array>): Promise<string>;
  read(name: string): AsyncIterable<Uint8Array>;
}

/** As the blob store's own. */
const READ_BYTES = 256 * 1024;
const CHUNK_BYTES = 128 * 1024;
const IN_FLIGHT = 16;

/** The baseline of blobs in a folder: a file that is written and flushed, with no hash, no rename and no flushed folder. */
export function rawFiles(dir: string): BlobWay {
  let files = 0;
  return {
    async write(source) {
      const file = path.join(dir, `raw-${(files += 1)}`);
      const handle = await open(file, 'w');
      try {
        for await (const block of source) await handle.writeFile(block);
        await handle.sync();
      } finally {
        await handle.close();
      }
      return file;
    },
    read: (file) => createReadStream(file, { highWaterMark: READ_BYTES }),
  };
}

/**
 * The baseline of blobs in NATS: the same chunks published into the same bucket with as many in flight, and read by the
 * client's ordered consumer, with no hash, no name and no bound on what waits for its reader.
 */
export function rawChunks(nc: NatsConnection): BlobWay {
  const js = jetstream(nc);
  let uploads = 0;
  return {
    async write(source) {
      const subject = `$O.${BLOBS_BUCKET}.C.raw-${(uploads += 1)}`;
      const sent: Promise<unknown>[] = [];
      for await (const block of source) {
        for (let at = 0; at < block.byteLength; at += CHUNK_BYTES) {
          if (sent.length === IN_FLIGHT) await sent.shift();
          // A copy, as the block is used again.
          sent.push(js.publish(subject, Uint8Array.from(block.subarray(at, at + CHUNK_BYTES))));
        }
      }
      await Promise.all(sent);
      return subject;
    },
    async *read(subject) {
      const consumer = await js.consumers.get(`OBJ_${BLOBS_BUCKET}`, { filter_subjects: subject });
      for await (const message of await consumer.consume({ max_messages: 4 * IN_FLIGHT })) {
        yield message.data;
        if (message.info.pending === 0) return;
      }
    },
  };
}
