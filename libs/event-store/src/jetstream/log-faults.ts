import { messageOf, ProblemError } from '@anime/problem-details';
import { JetStreamApiError } from '@nats-io/jetstream';
import { PermissionViolationError } from '@nats-io/transport-node';

/** nats-server's error codes (server/errors.json) that mean: the expectation does not hold. */
const CONFLICTS = new Set([10071, 10164]);
/** No room: insufficient resources, memory or storage exceeded, store failed (which names the limit). */
const FULL = new Set([10023, 10028, 10047, 10077, 10122]);
const MESSAGE_TOO_LARGE = 10054;
const STREAM_NOT_FOUND = 10059;

export function isConflict(error: unknown): error is JetStreamApiError {
  return error instanceof JetStreamApiError && CONFLICTS.has(error.code);
}

/** An error of the client or the server as a problem; `doing` begins the sentence. */
export function logProblem(error: unknown, doing: string): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof JetStreamApiError) {
    if (FULL.has(error.code)) {
      return new ProblemError('log-full', `${doing}: JetStream has no room: ${error.message} (code ${error.code})`, {
        cause: error,
        retryAfter: 30,
      });
    }
    if (error.code === MESSAGE_TOO_LARGE)
      return new ProblemError('event-too-large', `${doing}: ${error.message}`, { cause: error });
    return refused(doing, error.code, error.message, error);
  }
  const denial = denialOf(error);
  if (denial !== undefined) return unavailable(`${doing}: ${deniedSentence(denial)}`, error);
  if (isUntaken(error)) {
    return unavailable(
      `${doing}: nobody takes it: the stream does not exist (anime provision) or JetStream is not ready`,
      error,
    );
  }
  return unavailable(`${doing}: ${messageOf(error)}`, error);
}

/** The right that was missing, when that is why it failed: the client wraps this error in others. */
export function denialOf(error: unknown): PermissionViolationError | undefined {
  if (error instanceof PermissionViolationError) return error;
  return error instanceof Error && error.cause !== undefined ? denialOf(error.cause) : undefined;
}

/** What NATS did not permit, and the way out. */
export function deniedSentence({ operation, subject }: PermissionViolationError): string {
  const publish = operation === 'publish';
  return (
    `NATS does not permit this user to ${publish ? 'publish' : 'subscribe'} to ${subject}. Its rights are of another build, or ` +
    'an executor was added since: write the users anew (npm run anime -- nats-users --help), then reload nats-server' +
    // The client asks for a subscription once in a connection.
    (publish ? '' : ' and restart this service')
  );
}

/** Nobody takes messages on the subject: there is no stream, or JetStream is not ready. */
export function isUntaken(error: unknown): boolean {
  // The class is not exported.
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}

/**
 * `log-unavailable` for an answer of the JetStream API that is an error. A stream that is not there is no lasting fault
 * either: whoever tries again is served once it was made.
 */
export function refused(doing: string, code: number, description: string, cause?: unknown): ProblemError {
  return code === STREAM_NOT_FOUND
    ? unavailable(`${doing}: the stream does not exist (anime provision)`, cause)
    : unavailable(`${doing}: JetStream answered: ${description} (code ${code})`, cause);
}

/** `log-unavailable`, worth another try in a second or two. */
export function unavailable(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('log-unavailable', detail, { retryAfter: 2, ...(cause === undefined ? {} : { cause }) });
}
