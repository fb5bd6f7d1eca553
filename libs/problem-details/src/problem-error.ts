import { PROBLEMS, type ProblemCode } from '@anime/contracts';

/** What is wrong with one field of a request; `path` is a JSON pointer, or `query/<name>`, `header/<name>`. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

export interface ProblemOptions {
  readonly cause?: unknown;
  readonly errors?: readonly FieldError[];
  /** Seconds after which a retry makes sense (`Retry-After`). */
  readonly retryAfter?: number;
}

/** The one error class that carries a code of the catalogue; status and retryability follow from the code. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ProblemCode;
  readonly status: number;
  readonly retryable: boolean;
  readonly errors: readonly FieldError[];
  readonly retryAfter: number | undefined;

  constructor(code: ProblemCode, detail: string, options: ProblemOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = PROBLEMS[code].status;
    this.retryable = PROBLEMS[code].retryable;
    this.errors = options.errors ?? [];
    this.retryAfter = options.retryAfter;
  }
}

/** True when `error` is a ProblemError, of this code if one is given. */
export function isProblem(error: unknown, code?: ProblemCode): error is ProblemError {
  return error instanceof ProblemError && (code === undefined || error.code === code);
}

/** The error as a ProblemError; anything unknown becomes `internal` with the original as its cause. */
export function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  return new ProblemError('internal', messageOf(error), { cause: error });
}

/**
 * What a thrown value says: its message, or where that is empty its code (a connection refused at several addresses is an
 * AggregateError without words) or name. By shape, because where code runs in a context of its own (as under Jest), the
 * runtime's errors are not of that context's `Error`.
 */
export function messageOf(error: unknown): string {
  const { message, code, name } =
    typeof error === 'object' && error !== null
      ? (error as { readonly [field in 'message' | 'code' | 'name']?: unknown })
      : {};
  for (const text of [message, code, name]) if (typeof text === 'string' && text !== '') return text;
  return String(error);
}
