import { messageOf } from '@anime/problem-details';
import { Kvm, type KV } from '@nats-io/kv';
import { pause } from './pause.js';
import type { MessagingLogger } from './messaging-logger.js';
import type { NatsSource } from './stream-log.js';

export interface KvLeaseOptions {
  readonly log: NatsSource;
  /** Must exist. */
  readonly bucket: string;
  readonly key: string;
  /** Who this is, e.g. a random id of the process. */
  readonly holder: string;
  readonly ttlMs: number;
  readonly logger?: MessagingLogger;
}

/**
 * One of many may hold a key in a KV bucket. A hint only: two processes may believe in it for a moment, so whatever must
 * not happen twice needs an expectation in the log. No clocks are compared: a contender takes over a key
 * whose revision has not changed for `ttlMs` of its own time, by compare-and-set; the holder renews every third of that.
 */
export class KvLease {
  readonly #options: KvLeaseOptions;
  readonly #listeners = new Set<() => void>();
  #revision = 0;
  #renewedAt = 0;
  #renewing: AbortController | undefined;
  #renewal: Promise<void> = Promise.resolve();

  constructor(options: KvLeaseOptions) {
    this.#options = options;
  }

  get held(): boolean {
    return this.#renewing !== undefined;
  }

  /** `listener` is called each time a held lease is lost (not when it is released). @returns how to stop that */
  onLost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Waits until the lease is ours, however long NATS is away or another holds it.
   * @returns false when the signal aborted first
   */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { log, bucket, ttlMs, logger, key } = this.#options;
    const stopped = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    let seen = { revision: -1, at: 0 };
    while (!signal.aborted) {
      if (this.held) return true;
      try {
        const nc = await Promise.race([log.connected(), stopped]);
        if (nc === undefined || signal.aborted) return false;
        const kv = await new Kvm(nc).open(bucket);
        const entry = await kv.get(key);
        const at = performance.now();
        if (entry === null || entry.operation !== 'PUT') return this.#take(kv, await kv.create(key, this.#value), at);
        if (entry.revision !== seen.revision) seen = { revision: entry.revision, at };
        else if (at - seen.at >= ttlMs) return this.#take(kv, await this.#write(kv, entry.revision), at);
      } catch (error) {
        logger?.debug({ key, reason: messageOf(error) }, 'the lease could not be acquired yet');
      }
      await pause(Math.min(ttlMs / 4, 500), signal);
    }
    return false;
  }

  /** Gives it up, so that another need not wait for `ttlMs`. Never throws. */
  async release(): Promise<void> {
    const renewing = this.#renewing;
    if (renewing === undefined) return;
    this.#renewing = undefined;
    renewing.abort();
    await this.#renewal;
    const { log, bucket, key, logger } = this.#options;
    if (!log.state().connected) return;
    try {
      const kv = await new Kvm(await log.connected()).open(bucket);
      await kv.delete(key, { previousSeq: this.#revision });
    } catch (error) {
      logger?.debug({ key, reason: messageOf(error) }, 'the lease will run out by itself');
    }
  }

  /** Compare-and-set: throws when somebody else was faster. */
  #write(kv: KV, revision: number): Promise<number> {
    return kv.update(this.#options.key, this.#value, revision);
  }

  get #value(): string {
    return JSON.stringify({ holder: this.#options.holder });
  }

  /** Milliseconds until a contender may take over. */
  get #left(): number {
    return this.#options.ttlMs - (performance.now() - this.#renewedAt);
  }

  /** @param at own time before the write was sent: contenders count from a later moment, so we let go first */
  #take(kv: KV, revision: number, at: number): true {
    this.#revision = revision;
    this.#renewedAt = at;
    const renewing = new AbortController();
    this.#renewing = renewing;
    this.#renewal = this.#renew(kv, renewing);
    return true;
  }

  async #renew(kv: KV, renewing: AbortController): Promise<void> {
    const { ttlMs, key, logger } = this.#options;
    const { signal } = renewing;
    let failed = false;
    for (;;) {
      await pause(Math.max(0, Math.min(failed ? ttlMs / 20 : ttlMs / 3, this.#left)), signal);
      if (signal.aborted) return;
      if (this.#left <= 0) return this.#lose(renewing);
      const at = performance.now();
      try {
        this.#revision = await within(Math.min(ttlMs / 4, this.#left), this.#write(kv, this.#revision));
        this.#renewedAt = at;
        failed = false;
      } catch (error) {
        failed = true;
        logger?.debug({ key, reason: messageOf(error) }, 'the lease was not renewed');
        if (!signal.aborted && (await this.#taken(kv))) return this.#lose(renewing);
      }
    }
  }

  /** After a failed renewal: whether another has it. A write of ours whose answer was lost moves our revision on. */
  async #taken(kv: KV): Promise<boolean> {
    try {
      const entry = await within(Math.min(this.#options.ttlMs / 4, this.#left), kv.get(this.#options.key));
      if (entry === null || entry.operation !== 'PUT' || entry.string() !== this.#value) return true;
      this.#revision = entry.revision;
    } catch (error) {
      // NATS is away, so nobody can have taken it yet; our own time decides.
      this.#options.logger?.debug({ key: this.#options.key, reason: messageOf(error) }, 'the lease could not be read');
    }
    return false;
  }

  #lose(renewing: AbortController): void {
    if (renewing.signal.aborted) return;
    this.#renewing = undefined;
    renewing.abort();
    this.#options.logger?.warn({ key: this.#options.key }, 'the lease was lost');
    for (const listener of this.#listeners) listener();
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
