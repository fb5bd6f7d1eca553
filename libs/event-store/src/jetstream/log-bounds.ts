import { jetstreamManager, type StreamInfo } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { logProblem } from './log-faults.js';
import type { NatsLink } from './nats-link.js';

/** First and last position of the log; an empty log ends before it begins. */
export async function logBounds(
  nc: NatsConnection,
  link: NatsLink,
  stream: string,
): Promise<{ readonly first: number; readonly end: number }> {
  const { state } = await streamInfo(nc, link, stream);
  return { first: Math.max(1, state.first_seq), end: state.last_seq };
}

/** How many servers of the cluster keep the log; 1 without a cluster, and in one when it was made so. */
export async function logReplicas(nc: NatsConnection, link: NatsLink, stream: string): Promise<number> {
  return (await streamInfo(nc, link, stream)).config.num_replicas;
}

async function streamInfo(nc: NatsConnection, link: NatsLink, stream: string): Promise<StreamInfo> {
  try {
    const manager = await jetstreamManager(nc, { checkAPI: false });
    return await link.whileUp(manager.streams.info(stream));
  } catch (error) {
    throw logProblem(error, `looking at ${stream}`);
  }
}
