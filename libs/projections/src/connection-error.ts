import { types } from 'node:util';
import { isProblem, ProblemError } from '@anime/problem-details';

/** Seconds after which a read is worth trying again while PostgreSQL is away. */
const RETRY_AFTER = 2;

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
/**
 * SQLSTATE classes and codes that say "not now": connection exceptions, shut down or starting up, out of resources,
 * login refused, no such database yet, read-only after a fail-over, ended for being silent (PostgreSQL manual, appendix A).
 */
const AWAY_STATES = /^(08...|57P0[1-5]|53...|28...|3D000|25006|25P0[34])$/;
/** What `pg` says without any code. */
const AWAY_MESSAGES =
  /connection terminated|timeout exceeded when trying to connect|not queryable|query read timeout|after calling end|client was closed/i;

/** SQLSTATE of a statement that took longer than `statement_timeout`. */
export const QUERY_CANCELED = '57014';
/** SQLSTATE of a wait for a lock that took longer than `lock_timeout`. */
export const LOCK_NOT_AVAILABLE = '55P03';

/** True when the error tells of the connection or the server, not of the statement. */
export function isConnectionError(error: unknown): boolean {
  if (!isError(error)) return false;
  const code = codeOf(error);
  if (code !== undefined && (NETWORK_CODES.has(code) || AWAY_STATES.test(code))) return true;
  if (AWAY_MESSAGES.test(error.message)) return true;
  return error.cause !== error && isConnectionError(error.cause);
}

/** The error for callers: `read-model-unavailable` when PostgreSQL is away, itself otherwise. */
export function asProblem(error: unknown): unknown {
  if (isProblem(error) || !isConnectionError(error)) return error;
  return new ProblemError('read-model-unavailable', `PostgreSQL does not answer: ${reasonOf(error)}`, {
    cause: error,
    retryAfter: RETRY_AFTER,
  });
}

/** One line about an error; AggregateErrors of dual-stack connections have an empty message. */
export function reasonOf(error: unknown): string {
  if (!isError(error)) return String(error);
  if (error.message !== '') return error.message;
  return codeOf(error) ?? error.name;
}

/** Code of an error of Node or, as SQLSTATE, of PostgreSQL. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = isError(error) && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True when a statement got no answer in its time; what it does on the server goes on. */
export function isReadTimeout(error: unknown): boolean {
  return isError(error) && error.message === 'Query read timeout';
}

/** Also true for errors that Node's own modules made in another realm, as under a test runner: `instanceof` is not. */
function isError(error: unknown): error is Error {
  return types.isNativeError(error);
}
