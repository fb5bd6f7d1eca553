import { randomUUID } from 'node:crypto';
import { logReaderName, READERS_PER_SERVICE } from '@anime/contracts';
import {
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type ConsumerInfo,
  type ConsumerMessages,
  type JetStreamManager,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { logProblem, unavailable } from './log-faults.js';
import type { NatsLink } from './nats-link.js';

/** Messages that may wait in memory, delivered but not yet handed on. */
const PREFETCH = 1_000;
/** The server forgets a consumer that nobody asks for messages after this time. */
const INACTIVE_MS = 30_000;

/** nats-server's error codes (server/errors.json). */
const CONSUMER_NOT_FOUND = 10014;
const CONSUMER_EXISTS = 10148;

/**
 * What the client says when the consumer is gone, or about to be looked for behind our back: on a stream that was deleted and
 * made anew it would go on in another log. Such a reader ends, and the next one checks its place first.
 */
const LOST = new Set([
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'heartbeats_missed',
  'no_responders',
]);

export interface LogMessages {
  readonly messages: ConsumerMessages;
  /** Ends the iteration. May be called twice. */
  readonly stop: () => void;
}

/**
 * Reads the log by consumers under the fixed names that the rights of a service permit (docs/adr/0013). Each is taken by
 * creating it: where a name is in use, by another process of the service or by one that was killed, the next is tried.
 */
export class LogReaders {
  /** Tells our consumers from those of another process. */
  readonly #owner = randomUUID();
  readonly #inUse = new Set<string>();
  #opened = 0;

  /** @param service whose names the consumers have */
  constructor(
    private readonly link: NatsLink,
    private readonly stream: string,
    private readonly service: string,
  ) {}

  /**
   * Every message of the stream from `start` on, without a filter, which is the cheapest way to read at any size. Ends when
   * stopped, when the connection is lost, and when the server's consumer is gone. The messages may have gaps: whoever reads
   * compares the positions.
   * @throws ProblemError `log-unavailable`, also when all names are in use
   */
  async open(nc: NatsConnection, start: number): Promise<LogMessages> {
    try {
      const manager = await jetstreamManager(nc, { checkAPI: false });
      const info = await this.#create(manager, start);
      const consumer = jetstream(nc).consumers.getConsumerFromInfo(info);
      // `bind`: the client asks nothing about the consumer, as it is left when it is in doubt.
      const messages = await consumer.consume({
        max_messages: PREFETCH,
        // Each request costs as much as reading some messages does: fewer than by default.
        threshold_messages: PREFETCH / 2,
        expires: 10_000,
        idle_heartbeat: 2_000,
        bind: true,
      });
      let stopped = false;
      const stop = (): void => {
        if (stopped) return;
        stopped = true;
        forget();
        messages.stop();
        void this.#release(manager, info.name);
      };
      const forget = this.link.onLost(stop);
      void stopWhenLost(messages, stop);
      return { messages, stop };
    } catch (error) {
      throw logProblem(error, `reading ${this.stream}`);
    }
  }

  /** Not awaited: a consumer that is left behind, by a lost connection, ends by its inactivity, or is taken by us again. */
  async #release(manager: JetStreamManager, name: string): Promise<void> {
    try {
      if (this.link.state.connected) await this.link.whileUp(manager.consumers.delete(this.stream, name));
    } catch {
      // As above.
    } finally {
      this.#inUse.delete(name);
    }
  }

  async #create(manager: JetStreamManager, start: number): Promise<ConsumerInfo> {
    for (let n = 1; n <= READERS_PER_SERVICE; n += 1) {
      const name = logReaderName(this.service, n);
      if (this.#inUse.has(name)) continue;
      this.#inUse.add(name);
      let info: ConsumerInfo | undefined;
      try {
        info = await this.#take(manager, name, start);
      } finally {
        if (info === undefined) this.#inUse.delete(name);
      }
      if (info !== undefined) return info;
    }
    throw unavailable(
      `all ${READERS_PER_SERVICE} consumers of ${this.service} are in use; those of processes that were killed are free after ${INACTIVE_MS / 1000} s`,
    );
  }

  /** @returns undefined when the name is another process's */
  async #take(manager: JetStreamManager, name: string, start: number): Promise<ConsumerInfo | undefined> {
    this.#opened += 1;
    // No two have the same settings, so that the server never takes a new one for one that has delivered already.
    const metadata = { owner: this.#owner, opened: String(this.#opened) };
    const create = (): Promise<ConsumerInfo> =>
      this.link.whileUp(
        manager.consumers.add(this.stream, {
          name,
          metadata,
          deliver_policy: 'by_start_sequence',
          opt_start_seq: start,
          ack_policy: 'none',
          max_deliver: 1,
          mem_storage: true,
          num_replicas: 1,
          inactive_threshold: nanos(INACTIVE_MS),
        }),
      );
    try {
      return await create();
    } catch (error) {
      if (!isCode(error, CONSUMER_EXISTS)) throw error;
    }
    // Ours when the connection was lost before it could be deleted.
    if ((await this.#ownerOf(manager, name)) !== this.#owner) return undefined;
    await this.link.whileUp(manager.consumers.delete(this.stream, name));
    return create();
  }

  async #ownerOf(manager: JetStreamManager, name: string): Promise<string | undefined> {
    try {
      return (await this.link.whileUp(manager.consumers.info(this.stream, name))).config.metadata?.['owner'];
    } catch (error) {
      if (isCode(error, CONSUMER_NOT_FOUND)) return undefined;
      throw error;
    }
  }
}

function isCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}

async function stopWhenLost(messages: ConsumerMessages, stop: () => void): Promise<void> {
  for await (const notice of messages.status()) if (LOST.has(notice.type)) return stop();
}
