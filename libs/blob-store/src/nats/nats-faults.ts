import { messageOf, ProblemError } from '@anime/problem-details';
import { JetStreamApiError } from '@nats-io/jetstream';

/** nats-server's error codes (server/errors.json) that mean: no room, on the disk or within the stream's `max_bytes`. */
const FULL = new Set([10023, 10028, 10047, 10077, 10122]);
const WRONG_LAST_SEQUENCE = new Set([10071, 10164]);
const NO_SUCH_STREAM = 10059;

/** A failed request to NATS as `storage-failed`, with the error as its cause; `doing` begins the sentence. */
export function natsFailed(doing: string, error: unknown): ProblemError {
  return new ProblemError('storage-failed', `${doing} failed: ${reasonOf(error)}`, { cause: error, retryAfter: 2 });
}

function reasonOf(error: unknown): string {
  if (isUntaken(error)) return 'the bucket does not exist (anime provision), or JetStream is not ready';
  if (!(error instanceof JetStreamApiError)) return messageOf(error);
  if (FULL.has(error.code)) return `JetStream has no room: ${error.message} (code ${error.code})`;
  if (error.code === NO_SUCH_STREAM) return 'the bucket does not exist (anime provision)';
  return `JetStream answered: ${error.message} (code ${error.code})`;
}

/** Whether the server said no, so that nothing was stored. After any other failure nobody knows. */
export function wasRefused(error: unknown): boolean {
  return error instanceof ProblemError && (error.cause instanceof JetStreamApiError || isUntaken(error.cause));
}

/** Whether something else was last on the subject than what was expected. */
export function wasOvertaken(error: unknown): boolean {
  return (
    error instanceof ProblemError &&
    error.cause instanceof JetStreamApiError &&
    WRONG_LAST_SEQUENCE.has(error.cause.code)
  );
}

/** Whether a pull was refused because its consumer is not there (any more). The class is not exported. */
export function isConsumerGone(error: unknown): boolean {
  return error instanceof ProblemError && error.cause instanceof Error && error.cause.name === 'JetStreamStatusError';
}

/** Nobody takes messages on the subject. The class is not exported. */
function isUntaken(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}
