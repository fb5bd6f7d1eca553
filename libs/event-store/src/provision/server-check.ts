import { messageOf, ProblemError } from '@anime/problem-details';
import { jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** Expectations over a subject filter, and consumers that this build needs, came with this version. */
const OLDEST = { major: 2, minor: 11 };

/**
 * Refuses a server that would silently ignore what exactly-once rests on (2.10 ignores expectations over a filter).
 * @throws ProblemError `log-incompatible`
 */
export function checkServerVersion(version: string): void {
  const match = /^v?(\d+)\.(\d+)\./.exec(version);
  const [major, minor] = [Number(match?.[1] ?? -1), Number(match?.[2] ?? -1)];
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return;
  throw new ProblemError(
    'log-incompatible',
    `nats-server ${version} is too old: ${OLDEST.major}.${OLDEST.minor} or newer is needed.`,
  );
}

/**
 * The JetStream API of a server that can hold the log.
 * @throws ProblemError `log-incompatible`
 */
export async function checkedManager(nc: NatsConnection): Promise<JetStreamManager> {
  checkServerVersion(nc.info?.version ?? 'of unknown version');
  try {
    return await jetstreamManager(nc);
  } catch (cause) {
    const detail = `nats-server at ${nc.getServer()} has no JetStream for this user: start it with jetstream enabled (${messageOf(cause)}).`;
    throw new ProblemError('log-incompatible', detail, { cause });
  }
}
