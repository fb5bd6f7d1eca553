import { messageOf, ProblemError } from '@anime/problem-details';

/** Nothing came back: refused, reset, timed out. For a POST this leaves open whether the server took it. */
export function unreachable(baseUrl: string, path: string, cause: unknown): ProblemError {
  return new ProblemError('comfyui-unavailable', `ComfyUI at ${baseUrl} does not answer ${path}: ${messageOf(cause)}`, {
    cause,
  });
}

/**
 * The server answered, but not with what the route promises: aiohttp's plain-text 500, a proxy's page, another shape.
 * A 500 is usually a malformed request (contract §1.4), so callers must bound their retries.
 */
export class UnexpectedAnswerError extends ProblemError {
  constructor(
    path: string,
    /** HTTP status. */
    readonly answerStatus: number,
    /** The start of the body. */
    readonly answerBody: string,
    cause?: unknown,
  ) {
    super('comfyui-unavailable', `ComfyUI answered ${path} with status ${answerStatus}: ${firstLine(answerBody)}`, {
      cause,
    });
  }
}

/** `/view` knows no such file: deleted, or a cached run that names a file of an earlier one (contract §1.3, 14). */
export class FileMissingError extends ProblemError {
  constructor(readonly filename: string) {
    super('not-found', `ComfyUI has no file ${filename}`);
  }
}

function firstLine(body: string): string {
  return body.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
