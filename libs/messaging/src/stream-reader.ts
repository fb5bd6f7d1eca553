import { jetstream, type ConsumerNotification, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

const REQUEST_TIMEOUT_MS = 3_000;
/** Messages that are asked for at a time. */
const PREFETCH = 500;
const EXPIRES_MS = 10_000;
const HEARTBEAT_MS = 1_000;
/** The server forgets a consumer that nobody listens to after this time. */
const INACTIVE_MS = 5_000;

/**
 * What the client says when it is about to mend its consumer by itself: on a stream that was deleted and made anew it
 * would go on in another stream. Such a reader ends, and whoever opens the next one looks at the stream first.
 */
const MENDING: ReadonlySet<ConsumerNotification['type']> = new Set<ConsumerNotification['type']>([
  'reset',
  'ordered_consumer_recreated',
  'consumer_not_found',
  'consumer_deleted',
  'stream_not_found',
  'heartbeats_missed',
  'no_responders',
]);

export interface StreamReaderOptions {
  readonly stream: string;
  /** Seq of the first message wanted, from 1; may lie behind the end. */
  readonly start: number;
  /** Only this subject; default all. */
  readonly subject?: string;
  /** Aborts when the connection is lost, which ends the reader: the client's own recovery may take seconds, and mends. */
  readonly lost: AbortSignal;
  /** Called in the order of the stream. When it throws, the reader ends with that error. */
  readonly onMessage: (message: JsMsg) => void;
}

export interface StreamReader {
  /** Messages that were there to be delivered as it was opened. */
  readonly pending: number;
  /** Resolves with the reason when no more messages will come: then look at the stream and open another. */
  readonly ended: Promise<string>;
  /** May be called twice. */
  stop(): void;
}

/**
 * Reads a stream in order, without acknowledgement, with one ordered consumer of the client.
 * @throws the client's errors when the stream is not there or nobody answers
 */
export async function openStreamReader(nc: NatsConnection, options: StreamReaderOptions): Promise<StreamReader> {
  const { stream, start, subject, lost, onMessage } = options;
  const consumer = await jetstream(nc, { timeout: REQUEST_TIMEOUT_MS }).consumers.get(stream, {
    deliver_policy: 'by_start_sequence',
    opt_start_seq: start,
    inactive_threshold: INACTIVE_MS,
    ...(subject === undefined ? {} : { filter_subjects: subject }),
  });
  const { num_pending: pending } = await consumer.info(true);
  const ended = Promise.withResolvers<string>();
  const messages = await consumer.consume({
    max_messages: PREFETCH,
    expires: EXPIRES_MS,
    idle_heartbeat: HEARTBEAT_MS,
    callback: onMessage,
  });
  const end = (reason: string): void => {
    ended.resolve(reason);
    messages.stop();
  };
  const lose = (): void => end('NATS is not connected');
  lost.addEventListener('abort', lose, { once: true });
  if (lost.aborted) lose();
  void (async () => {
    for await (const notice of messages.status()) {
      if (MENDING.has(notice.type)) return end(`the consumer said ${notice.type}`);
    }
  })();
  void messages.closed().then((error) => {
    lost.removeEventListener('abort', lose);
    ended.resolve(error instanceof Error ? error.message : 'stopped');
    // Not awaited: a consumer that is left behind ends by its inactivity threshold.
    consumer.delete().catch(() => undefined);
  });
  return { pending, ended: ended.promise, stop: () => end('stopped') };
}
