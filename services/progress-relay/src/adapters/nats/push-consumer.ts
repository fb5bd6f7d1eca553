import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { requestApi, type Connection, type StreamMessage } from './stream-api.js';

const HEARTBEAT_MS = 1_000;
/** So many heartbeats may fail to come before the consumer counts as gone. */
const MISSED_HEARTBEATS = 3;
/** The server forgets a consumer that nobody listens to after this time. */
const INACTIVE_MS = 5_000;
const NANOS = 1_000_000;
/** Status of heartbeats and flow control; everything from 400 on is the end of the consumer. */
const CONTROL = 100;

export interface DeliveredMessage extends StreamMessage {
  readonly subject: string;
  /** How many more the stream held for this consumer when it was sent. */
  readonly pending: number;
}

export interface PushConsumerOptions {
  readonly stream: string;
  /** Seq of the first message wanted, from 1. */
  readonly start: number;
  /** Only this subject; default all. */
  readonly subject?: string;
  readonly onMessage: (message: DeliveredMessage) => void;
}

export interface PushConsumer {
  /** Messages that were there to be delivered as it was created. */
  readonly pending: number;
  /** Resolves with the reason when no more messages will come, or some were lost on the way: then make a new one. */
  readonly ended: Promise<string>;
  stop(): void;
}

type Received = Parameters<NonNullable<NonNullable<Parameters<Connection['subscribe']>[1]>['callback']>>[1];

const Created = z.object({ num_pending: z.number().default(0) });

/**
 * Messages of a stream in order, pushed by the server, without acknowledgement (an "ordered consumer",
 * nats-architecture-and-design ADR-17). Each carries the count of what the consumer has sent, so a lost one is noticed.
 */
export async function openPushConsumer(nc: Connection, options: PushConsumerOptions): Promise<PushConsumer> {
  const { stream, start, subject, onMessage } = options;
  const name = `relay-${randomUUID()}`;
  const inbox = `_INBOX.${randomUUID()}`;
  const ended = Promise.withResolvers<string>();
  let over = false;
  let received = 0;
  let lastSign = performance.now();

  const end = (reason: string): void => {
    if (over) return;
    over = true;
    clearInterval(watch);
    subscription.unsubscribe();
    // Not awaited: a consumer that is left behind ends by its inactivity threshold.
    nc.request(`$JS.API.CONSUMER.DELETE.${stream}.${name}`, '', { timeout: HEARTBEAT_MS }).catch(() => undefined);
    ended.resolve(reason);
  };
  const onControl = (message: Received): void => {
    const { headers } = message;
    if (headers === undefined) return;
    if (headers.code !== CONTROL) return end(headers.description);
    if (message.reply !== undefined && message.reply !== '') nc.publish(message.reply); // flow control
    const stalled = headers.get('Nats-Consumer-Stalled');
    if (stalled !== '') nc.publish(stalled);
    if (Number(headers.get('Nats-Last-Consumer') || 0) > received) end('messages were lost');
  };
  const subscription = nc.subscribe(inbox, {
    callback: (error, message) => {
      if (over) return;
      if (error !== null) return end(error.message);
      lastSign = performance.now();
      const place = placeOf(message.reply);
      if (place === undefined) return onControl(message);
      received += 1;
      if (place.consumerSeq !== received) return end('messages were lost');
      onMessage({
        seq: place.streamSeq,
        subject: message.subject,
        pending: place.pending,
        type: typeOf(message),
        data: message.data,
      });
    },
  });
  const watch = setInterval(() => {
    if (performance.now() - lastSign > MISSED_HEARTBEATS * HEARTBEAT_MS) end('no heartbeat came');
  }, HEARTBEAT_MS / 2);

  const config = {
    name,
    deliver_subject: inbox,
    deliver_policy: 'by_start_sequence',
    opt_start_seq: Math.max(1, start),
    ack_policy: 'none',
    max_deliver: 1,
    replay_policy: 'instant',
    flow_control: true,
    idle_heartbeat: HEARTBEAT_MS * NANOS,
    inactive_threshold: INACTIVE_MS * NANOS,
    mem_storage: true,
    num_replicas: 1,
    ...(subject === undefined ? {} : { filter_subject: subject }),
  };
  const path = subject === undefined ? `${stream}.${name}` : `${stream}.${name}.${subject}`;
  try {
    const { num_pending: pending } = await requestApi(
      nc,
      `CONSUMER.CREATE.${path}`,
      { stream_name: stream, config, action: 'create' },
      Created,
    );
    return { pending, ended: ended.promise, stop: () => end('stopped') };
  } catch (error) {
    end('not created');
    throw error;
  }
}

/** Headers are parsed when they are read, and anyone may send broken ones. */
function typeOf(message: Received): string {
  try {
    return message.headers?.get('ce-type') ?? '';
  } catch {
    return '';
  }
}

/**
 * What the reply subject of a delivered message tells:
 * `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>[.<token>]` (ADR-15).
 */
function placeOf(
  reply: string | undefined,
): { readonly streamSeq: number; readonly consumerSeq: number; readonly pending: number } | undefined {
  if (reply === undefined || !reply.startsWith('$JS.ACK.')) return undefined;
  const tokens = reply.split('.');
  const shift = tokens.length > 9 ? 2 : 0;
  const number = (index: number): number => Number(tokens[index + shift]);
  return { streamSeq: number(5), consumerSeq: number(6), pending: number(8) };
}
