import { PROBLEMS } from '@anime/contracts';
import { toProblem, type FieldError } from './problem-error.js';

/** RFC 9457 body, media type `application/problem+json`, with our `code`, `retryable`, `errors`, `requestId`, `traceId`. */
export interface ProblemJson {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: string;
  readonly retryable: boolean;
  readonly requestId: string;
  readonly traceId?: string;
  readonly errors?: readonly FieldError[];
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/**
 * The answer for an error. What is `internal` shows no message of ours beyond the title: it may hold anything.
 * @param instance path of the request
 * @param traceId of the trace that the request belongs to, if any
 */
export function problemJson(error: unknown, instance: string, requestId: string, traceId?: string): ProblemJson {
  const problem = toProblem(error);
  const kind = PROBLEMS[problem.code];
  return {
    type: `urn:anime:problem:${problem.code}`,
    title: kind.title,
    status: kind.status,
    detail: problem.code === 'internal' ? 'The error was logged under the requestId.' : problem.message,
    instance,
    code: problem.code,
    retryable: kind.retryable,
    requestId,
    ...(traceId === undefined ? {} : { traceId }),
    ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
  };
}
