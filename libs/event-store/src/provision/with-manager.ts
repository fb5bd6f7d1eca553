import { messageOf, ProblemError } from '@anime/problem-details';
import type { JetStreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { connectionOptions, type NatsCredentials } from '../jetstream/connection-options.js';
import { deniedSentence, denialOf, unavailable } from '../jetstream/log-faults.js';
import { checkedManager } from './server-check.js';

/** Where to provision: an open connection, or an address to connect to for the time of the call. */
export type ProvisionTarget =
  | { readonly nc: NatsConnection }
  | { readonly natsUrl: string; readonly credentials?: NatsCredentials | undefined };

/**
 * Uses the JetStream API of a server that can hold the log.
 * @param doing begins the sentence when it fails, e.g. `provisioning`
 * @throws ProblemError `log-incompatible`, `log-unavailable`
 */
export async function withManager<T>(
  target: ProvisionTarget,
  doing: string,
  use: (manager: JetStreamManager) => Promise<T>,
): Promise<T> {
  const own = 'nc' in target ? undefined : await open(target);
  const nc = 'nc' in target ? target.nc : own;
  try {
    if (nc === undefined) throw unavailable('NATS is not connected');
    return await use(await checkedManager(nc));
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    const denial = denialOf(error);
    throw unavailable(`${doing}: ${denial === undefined ? messageOf(error) : deniedSentence(denial)}`, error);
  } finally {
    await own?.close();
  }
}

async function open(target: {
  readonly natsUrl: string;
  readonly credentials?: NatsCredentials | undefined;
}): Promise<NatsConnection> {
  try {
    return await connect({ ...connectionOptions({ ...target, name: 'provision' }), maxReconnectAttempts: 0 });
  } catch (error) {
    throw unavailable(
      `NATS cannot be reached at ${target.natsUrl.replace(/\/\/[^@/]*@/, '//')}: ${messageOf(error)}`,
      error,
    );
  }
}
