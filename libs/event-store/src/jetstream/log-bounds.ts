import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logProblem } from './log-faults.js';
import type { NatsLink } from './nats-link.js';

/** First and last position of the log; an empty log ends before it begins. */
export async function logBounds(
  nc: NatsConnection,
  link: NatsLink,
  stream: string,
): Promise<{ readonly first: number; readonly end: number }> {
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    const { state } = await link.whileUp(manager.streams.info(stream));
    return { first: Math.max(1, state.first_seq), end: state.last_seq };
  } catch (error) {
    throw logProblem(error, `looking at ${stream}`);
  }
}
