import { ProblemError } from '@anime/problem-details';
import type { NatsConnection } from '@nats-io/transport-node';
import type { LogEntry } from '../log-entry.js';
import type { EntrySource } from './entry-source.js';
import { logBounds } from './log-bounds.js';
import { logProblem, unavailable } from './log-faults.js';
import type { NatsLink } from './nats-link.js';
import { orderedMessages } from './ordered-messages.js';

/**
 * The entries behind `after` up to the end as it is now, or `to`. Unlike a follower it does not survive a lost connection.
 * @throws ProblemError `log-unavailable`, `log-incompatible` (a message is missing)
 */
export async function* readRange(
  nc: NatsConnection,
  link: NatsLink,
  source: EntrySource,
  options: { readonly after: number; readonly to?: number },
): AsyncIterable<LogEntry> {
  const { stream } = source.options;
  const { first, end } = await logBounds(nc, link, stream);
  const to = Math.min(end, options.to ?? end);
  let expected = Math.max(first, options.after + 1);
  if (expected > to) return;
  const terms = await source.termsUpTo(nc, expected - 1);
  const { messages, stop } = await orderedMessages(nc, link, stream, expected);
  try {
    for await (const delivered of messages) {
      if (delivered.seq !== expected)
        throw new ProblemError('log-incompatible', `the log lacks the message at position ${expected}`);
      yield source.next(delivered, terms).entry;
      if (expected === to) return;
      expected += 1;
    }
    throw unavailable('the connection was lost while reading the log');
  } catch (error) {
    throw logProblem(error, 'reading the log');
  } finally {
    stop();
  }
}
