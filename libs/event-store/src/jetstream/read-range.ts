import { ProblemError } from '@anime/problem-details';
import type { NatsConnection } from '@nats-io/transport-node';
import type { LogEntry } from '../log-entry.js';
import type { EntrySource } from './entry-source.js';
import { logBounds } from './log-bounds.js';
import { logProblem, unavailable } from './log-faults.js';
import type { LogReaders } from './log-readers.js';
import type { NatsLink } from './nats-link.js';

/**
 * The entries behind `after` up to the end as it is now, or `to`. Unlike a follower it does not survive a lost connection.
 * @throws ProblemError `log-unavailable`, `log-incompatible` (a message is missing)
 */
export async function* readRange(
  nc: NatsConnection,
  link: NatsLink,
  source: EntrySource,
  readers: LogReaders,
  options: { readonly after: number; readonly to?: number },
): AsyncIterable<LogEntry> {
  const { first, end } = await logBounds(nc, link, source.options.stream);
  const to = Math.min(end, options.to ?? end);
  let expected = Math.max(first, options.after + 1);
  if (expected > to) return;
  const terms = await source.termsUpTo(nc, expected - 1);
  const { messages, stop } = await readers.open(nc, expected);
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
