import { messageOf, ProblemError } from '@anime/problem-details';

/** Nothing came back: refused, reset, timed out. For a POST this leaves open whether the server took it. */
export function unreachable(baseUrl: string, path: string, cause: unknown): ProblemError {
  const detail = `ComfyUI at ${baseUrl} does not answer ${path}: ${messageOf(cause)}. Is it running there, and not stuck?`;
  return new ProblemError('comfyui-unavailable', detail, { cause });
}

export interface UnexpectedAnswer {
  /** Without user and password. */
  readonly baseUrl: string;
  readonly path: string;
  /** HTTP status. */
  readonly status: number;
  readonly body: string;
  readonly cause?: unknown;
}

const BODY_LIMIT = 20_000;

/**
 * The server answered, but not with what the route promises: aiohttp's plain-text 500, a proxy's page, another shape.
 * A 500 is usually a malformed request (contract §1.4, 18), so callers must bound their retries.
 */
export class UnexpectedAnswerError extends ProblemError {
  /** HTTP status. */
  readonly answerStatus: number;
  /** The start of the body. */
  readonly answerBody: string;

  constructor({ baseUrl, path, status, body, cause }: UnexpectedAnswer) {
    const said = firstLine(body);
    const detail = `ComfyUI at ${baseUrl} answered ${path} with status ${status}${said === '' ? '' : `: ${said}`}. ${adviceFor(status)}`;
    super('comfyui-unavailable', detail, { cause });
    this.answerStatus = status;
    this.answerBody = body.slice(0, BODY_LIMIT);
  }

  /** True when a proxy says that its server did not answer: the same as no answer, and for a POST as open. */
  get isGateways(): boolean {
    return this.answerStatus >= 502 && this.answerStatus <= 504;
  }
}

/** `/view` knows no such file: deleted, or a cached run that names a file of an earlier one (contract §1.3, 14). */
export class FileMissingError extends ProblemError {
  constructor(readonly filename: string) {
    super('not-found', `ComfyUI has no file ${filename}`);
  }
}

/** The file is no longer the one whose first part was downloaded: its rest would make a file that never was. */
export class FileChangedError extends ProblemError {
  constructor(readonly filename: string) {
    super(
      'comfyui-unavailable',
      `${filename} was changed on the ComfyUI server while it was downloaded; download it from the start`,
    );
  }
}

function adviceFor(status: number): string {
  switch (status) {
    case 200:
      return 'Is this a ComfyUI, and one of a version that is supported?';
    case 401:
      return 'Give user and password in its address.';
    case 403:
      return 'A proxy, or the server’s check of origins, forbids it.';
    case 404:
    case 405:
      return 'Is this the address of a ComfyUI, with its path?';
    case 413:
      return 'Start ComfyUI with a larger --max-upload-size, or send less.';
    default:
      return status >= 500
        ? 'The server’s log has the reason; the same request will likely fail again.'
        : 'The request is not one that it takes.';
  }
}

function firstLine(body: string): string {
  return body.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
