import { Kvm, type KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import type { NatsSource } from './stream-log.js';

const ANSWER_MS = 1_000;

/** The entries of a KV bucket, each the last word on its key. For what may be lost: the log is where facts are. */
export class KvEntries {
  readonly #nats: NatsSource;
  readonly #bucket: string;
  #opened: { readonly nc: NatsConnection; readonly kv: Promise<KV> } | undefined;

  /** @param bucket must exist */
  constructor(nats: NatsSource, bucket: string) {
    this.#nats = nats;
    this.#bucket = bucket;
  }

  /** @throws Error when NATS is away, does not answer, or has no such bucket */
  async put(key: string, value: string): Promise<void> {
    await (await this.#kv()).put(key, value);
  }

  /** The last value of a key, or undefined. @throws as `put` */
  async get(key: string): Promise<string | undefined> {
    const entry = await (await this.#kv()).get(key);
    return entry === null || entry.operation !== 'PUT' ? undefined : entry.string();
  }

  async #kv(): Promise<KV> {
    const { connected, reason } = this.#nats.state();
    if (!connected) throw new Error(reason ?? 'NATS is not connected');
    const nc = await this.#nats.connected();
    if (this.#opened?.nc !== nc) this.#opened = { nc, kv: new Kvm(nc).open(this.#bucket, { timeout: ANSWER_MS }) };
    const { kv } = this.#opened;
    return kv.catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
  }
}
