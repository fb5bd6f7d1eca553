import { jetstream, type ConsumerMessages } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logProblem } from './log-faults.js';
import type { NatsLink } from './nats-link.js';

/** Messages that may wait in memory, delivered but not yet handed on. */
const PREFETCH = 500;

/**
 * What the client says when it is about to mend its consumer by itself, behind our back: on a stream that was deleted and
 * made anew it would go on in another log. Such a reader ends, and the next one checks its place first.
 */
const MENDING = new Set([
  'reset',
  'ordered_consumer_recreated',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'heartbeats_missed',
  'no_responders',
]);

export interface OrderedMessages {
  readonly messages: ConsumerMessages;
  /** Ends the iteration. May be called twice. */
  readonly stop: () => void;
}

/**
 * Every message of the stream from `start` on, without a filter, which is the cheapest way to read at any size. Ends when
 * stopped, when the connection is lost, and when the server's consumer is gone.
 */
export async function orderedMessages(
  nc: NatsConnection,
  link: NatsLink,
  stream: string,
  start: number,
): Promise<OrderedMessages> {
  try {
    const options = { opt_start_seq: start, deliver_policy: 'by_start_sequence', inactive_threshold: 60_000 } as const;
    const consumer = await link.whileUp(jetstream(nc).consumers.get(stream, options));
    const messages = await consumer.consume({ max_messages: PREFETCH, expires: 10_000, idle_heartbeat: 2_000 });
    const stop = (): void => {
      forget();
      messages.stop();
      // Not awaited: a consumer that is left behind ends by its inactivity threshold.
      consumer.delete().catch(() => undefined);
    };
    const forget = link.onLost(stop);
    void stopWhenMending(messages, stop);
    return { messages, stop };
  } catch (error) {
    throw logProblem(error, `reading ${stream}`);
  }
}

async function stopWhenMending(messages: ConsumerMessages, stop: () => void): Promise<void> {
  for await (const notice of messages.status()) if (MENDING.has(notice.type)) return stop();
}
