import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/**
 * Takes an event so many times from a durable and gives it back each time, as a process would that fails: whoever gets it next
 * is near the end of its tries. What lies before it is acknowledged. Nobody else may read the durable meanwhile.
 * @throws when the event does not come
 */
export async function spendDeliveries(
  nc: NatsConnection,
  at: { readonly stream: string; readonly durable: string; readonly eventId: string; readonly times: number },
): Promise<void> {
  const { stream, durable, eventId, times } = at;
  const consumer = await jetstream(nc).consumers.get(stream, durable);
  for (let taken = 0; taken < times;) {
    const message = await consumer.next({ expires: 10_000 });
    if (message === null) throw new Error(`${durable} does not deliver ${eventId}`);
    if (message.headers?.get('ce-id') === eventId) {
      message.nak();
      taken += 1;
    } else await message.ackAck();
  }
  await nc.flush();
}
