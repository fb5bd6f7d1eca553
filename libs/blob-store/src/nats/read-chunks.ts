import { randomUUID } from 'node:crypto';
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import type { Bucket } from './bucket.js';
import { isConsumerGone } from './nats-faults.js';

/** Chunks on their way or waiting for the reader: 2 MiB of the usual size, and as many again while they are handed on. */
const WINDOW = 16;
/** How long a server may be silent in the middle of a window. */
const SILENCE_MS = 5_000;
/** After this the server forgets a consumer whose reader has died, or pauses; one that pauses makes another. */
const FORGOTTEN_AFTER_MS = 30_000;

/**
 * What lies on an upload's subject, in order. At most two windows are in memory, however slow the reader; the next one is
 * on its way while one is handed on. Leaving the iteration frees the consumer at once.
 * @throws ProblemError `storage-failed`
 */
export async function* readChunks(bucket: Bucket, upload: string): AsyncGenerator<Uint8Array> {
  const reader = new ChunkReader(bucket, bucket.chunksOf(upload));
  try {
    let coming = reader.next();
    for (;;) {
      const window = await coming;
      if (window.length === 0) return;
      coming = reader.next();
      coming.catch(() => undefined); // It is thrown when its turn comes, unless the reader has left by then.
      for (const message of window) yield message.data;
    }
  } finally {
    reader.close();
  }
}

class ChunkReader {
  readonly #bucket: Bucket;
  readonly #subject: string;
  #consumer: Consumer | undefined;
  #left = 0;
  #last = 0;

  constructor(bucket: Bucket, subject: string) {
    this.#bucket = bucket;
    this.#subject = subject;
  }

  /** The next chunks; none at the end. */
  async next(): Promise<readonly JsMsg[]> {
    for (let consumersTried = 0; ; consumersTried += 1) {
      this.#consumer ??= await this.#makeConsumer();
      if (this.#left === 0) return [];
      const window = await this.#pull(this.#consumer, Math.min(this.#left, WINDOW)).catch((error: unknown) => {
        if (!isConsumerGone(error) || consumersTried > 0) throw error;
        return undefined;
      });
      if (window !== undefined) {
        this.#left -= window.length;
        this.#last = window.at(-1)?.seq ?? this.#last;
        return window;
      }
      this.#consumer = undefined;
    }
  }

  /** Not awaited: a consumer that is left behind is forgotten by the server. */
  close(): void {
    this.#consumer?.delete().catch(() => undefined);
  }

  async #makeConsumer(): Promise<Consumer> {
    const { consumer, pending } = await this.#bucket.ask('Reading a blob', async ({ js, jsm }) => {
      const info = await jsm.consumers.add(this.#bucket.stream, {
        name: `blob-${randomUUID()}`,
        filter_subject: this.#subject,
        ack_policy: 'none',
        deliver_policy: 'by_start_sequence',
        opt_start_seq: this.#last + 1,
        inactive_threshold: nanos(FORGOTTEN_AFTER_MS),
        mem_storage: true,
        num_replicas: 1,
      });
      return { consumer: js.consumers.getConsumerFromInfo(info), pending: info.num_pending };
    });
    this.#left = pending;
    return consumer;
  }

  /** @throws when nothing came; fewer than asked for is all that came in time */
  async #pull(consumer: Consumer, count: number): Promise<readonly JsMsg[]> {
    const window: JsMsg[] = [];
    let messages: ConsumerMessages | undefined;
    try {
      await this.#bucket.ask('Reading a blob', async () => {
        messages = await consumer.fetch({ max_messages: count, expires: SILENCE_MS });
        for await (const message of messages) window.push(message);
        if (window.length === 0) throw new Error(`no chunk came within ${SILENCE_MS} ms`);
      });
    } finally {
      messages?.stop(); // which it has done by itself, unless the connection was lost
    }
    return window;
  }
}
