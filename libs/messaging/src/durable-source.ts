import { ProblemError } from '@anime/problem-details';
import { jetstream, JetStreamApiError, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import type { HeldMessages } from './held-messages.js';

/** nats-server's error codes (server/errors.json). */
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;

const REQUEST_TIMEOUT_MS = 3_000;
const FETCH_EXPIRES_MS = 10_000;
const HEARTBEAT_MS = 1_000;
const DRAIN_MS = 1_000;

/** The durable is not there: the service cannot help itself, an operator must decide where it starts. */
export class DurableMissingError extends Error {
  override readonly name = 'DurableMissingError';
}

/** The log itself is not there. */
export class StreamMissingError extends Error {
  override readonly name = 'StreamMissingError';
}

export interface OpenDurable {
  readonly consumer: Consumer;
  /** Of the durable as it stands in the server. */
  readonly ackWaitMs: number;
}

/**
 * Finds the durable and checks that it can serve a reactor.
 * @throws DurableMissingError or StreamMissingError with the command that repairs it; ProblemError `log-incompatible`
 */
export async function openDurable(nc: NatsConnection, stream: string, durable: string): Promise<OpenDurable> {
  let consumer: Consumer;
  try {
    consumer = await jetstream(nc, { timeout: REQUEST_TIMEOUT_MS }).consumers.get(stream, durable);
  } catch (error) {
    if (codeOf(error) === CONSUMER_NOT_FOUND) {
      throw new DurableMissingError(
        `the durable consumer ${durable} does not exist; create it: npm run anime -- consumers create ${durable} --from-now|--from-start`,
      );
    }
    if (codeOf(error) === STREAM_NOT_FOUND) {
      throw new StreamMissingError(`the stream ${stream} does not exist; create it: npm run anime -- provision`);
    }
    throw error;
  }
  const { config } = await consumer.info(true);
  if (config.ack_policy !== 'explicit') {
    throw new ProblemError(
      'log-incompatible',
      `the durable consumer ${durable} acknowledges ${config.ack_policy}, but a reactor needs explicit`,
    );
  }
  return { consumer, ackWaitMs: (config.ack_wait ?? 30_000_000_000) / 1_000_000 };
}

/**
 * Fetches as many messages as may be held, again and again, so that none waits in this process without being kept alive.
 * Ends when a signal aborts: on `stop` only when what the server had already sent has arrived (`onMessage` gives it
 * back), because a message that nobody receives is lost to all until its ack wait is over; on `lost` at once.
 * @throws when the durable is gone or the server does not answer
 */
export async function fetchMessages(
  consumer: Consumer,
  held: HeldMessages,
  signals: { readonly stop: AbortSignal; readonly lost: AbortSignal },
  onMessage: (message: JsMsg) => void,
): Promise<void> {
  const { stop, lost } = signals;
  const ended = (): boolean => stop.aborted || lost.aborted;
  let messages: ConsumerMessages | undefined;
  const leave = (): void => {
    if (messages !== undefined) drain(messages);
    held.wake();
  };
  const cut = (): void => {
    messages?.stop();
    held.wake();
  };
  stop.addEventListener('abort', leave);
  lost.addEventListener('abort', cut);
  try {
    while (!ended()) {
      if (held.free === 0) {
        await held.freed();
        continue;
      }
      messages = await consumer.fetch({
        max_messages: held.free,
        expires: FETCH_EXPIRES_MS,
        idle_heartbeat: HEARTBEAT_MS,
      });
      if (lost.aborted) messages.stop();
      else if (stop.aborted) drain(messages);
      for await (const message of messages) onMessage(message);
    }
  } finally {
    stop.removeEventListener('abort', leave);
    lost.removeEventListener('abort', cut);
    messages?.stop();
  }
}

/**
 * Ends the interest of a fetch in the server and lets what is on its way arrive; then the iteration ends. The client
 * has this for its subscriptions only, and a fetch has one, which its type does not show.
 */
function drain(messages: ConsumerMessages): void {
  const { sub }: { readonly sub?: Subscription } = messages as ConsumerMessages & { readonly sub?: Subscription };
  const timer = setTimeout(() => messages.stop(), DRAIN_MS);
  void (sub === undefined ? Promise.resolve() : sub.drain().catch(() => undefined)).then(() => {
    clearTimeout(timer);
    messages.stop();
  });
}

function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}
