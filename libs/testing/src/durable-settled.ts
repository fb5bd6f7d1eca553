import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { eventually } from './eventually.js';

/** Returns when a durable consumer has nothing left to deliver or to wait for. */
export async function durableSettled(nc: NatsConnection, stream: string, durable: string): Promise<void> {
  const manager = await jetstreamManager(nc);
  await eventually(
    async () => {
      const info = await manager.consumers.info(stream, durable);
      return info.num_pending === 0 && info.num_ack_pending === 0;
    },
    { what: `every message of ${durable} is settled` },
  );
}
