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
  return new ProblemError('internal', error instanceof Error ? error.message : String(error), { cause: error });
}
