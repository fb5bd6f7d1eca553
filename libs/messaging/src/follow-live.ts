import { setTimeout as delay } from 'node:timers/promises';
import { messageOf } from '@anime/problem-details';
import type { NatsConnection } from '@nats-io/transport-node';
import type { LiveSubscription } from './live-messages.js';
import type { NatsSource } from './stream-log.js';

const RETRY_MS = 500;

/**
 * Listens to live messages on every connection that comes up, until the signal aborts.
 * @param subscribe begins to listen on a connection
 * @param onTrouble told why nothing can be listened to just now
 */
export async function followLive(
  nats: NatsSource,
  subscribe: (connection: NatsConnection) => readonly Pick<LiveSubscription, 'stop'>[],
  onTrouble: (reason: string) => void,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const connection = await nats.connected();
      const subscriptions = subscribe(connection);
      const stop = (): void => subscriptions.forEach((subscription) => subscription.stop());
      signal.addEventListener('abort', stop, { once: true });
      // The client reconnects by itself and keeps its subscriptions: it closes only for good.
      await connection.closed();
      signal.removeEventListener('abort', stop);
    } catch (error) {
      if (!signal.aborted) onTrouble(messageOf(error));
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}
