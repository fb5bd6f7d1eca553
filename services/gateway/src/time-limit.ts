import { ProblemError } from '@anime/problem-details';

/** How long a look at the log may take before a request is answered with 503: the log takes 0.2 ms when it is well. */
export const LOOK_LIMIT_MS = 2_000;

/**
 * The result of a look at the log, if it comes in time. Only for reading: an append that is late may still be stored.
 * @throws ProblemError `log-unavailable` after `LOOK_LIMIT_MS`
 */
export async function lookAtLog<T>(look: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new ProblemError('log-unavailable', `the log did not answer within ${LOOK_LIMIT_MS} ms`, { retryAfter: 2 }));
  }, LOOK_LIMIT_MS);
  try {
    return await Promise.race([look, late]);
  } finally {
    clearTimeout(timer);
  }
}
