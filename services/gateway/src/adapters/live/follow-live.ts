import { setTimeout as delay } from 'node:timers/promises';
import { ExecutorHeartbeatV1, ServiceStatusV1 } from '@anime/contracts';
import { subscribeLive, type NatsSource } from '@anime/messaging';
import { messageOf } from '@anime/problem-details';
import type { LiveStatus } from './live-status.js';

const RETRY_MS = 500;

/**
 * Listens to what services and executors say about themselves, on every connection that comes up, until the signal aborts.
 * @param onInvalid told of a message that is not what its contract says
 */
export async function followLive(
  nats: NatsSource,
  live: LiveStatus,
  onInvalid: (reason: string, subject: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const options = { onError: onInvalid };
  while (!signal.aborted) {
    try {
      const connection = await nats.connected();
      const subscriptions = [
        subscribeLive(connection, ServiceStatusV1, (said) => live.onService(said), options),
        subscribeLive(connection, ExecutorHeartbeatV1, (said) => live.onExecutor(said), options),
      ];
      const stop = (): void => subscriptions.forEach((subscription) => subscription.stop());
      signal.addEventListener('abort', stop, { once: true });
      // The client reconnects by itself and keeps its subscriptions: it closes only for good.
      await connection.closed();
      signal.removeEventListener('abort', stop);
    } catch (error) {
      if (!signal.aborted) onInvalid(messageOf(error), '');
    }
    await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
  }
}
