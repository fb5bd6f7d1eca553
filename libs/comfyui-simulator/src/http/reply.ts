import { pythonJson } from '../python-json.js';

/** An HTTP answer. `json` and `text` set their own content type; neither means an empty body. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Send this many bytes of the body, then cut the connection; with none sent there is no answer at all. */
  readonly cutAfter?: number;
  /** Done once the answer is on its way, for orders that end the server which gives it. */
  readonly afterwards?: () => void;
}

const JSON_TYPE = 'application/json; charset=utf-8';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export function json(body: unknown, status = 200): Reply {
  return { status, headers: { 'content-type': JSON_TYPE }, body: pythonJson(body) };
}

export function text(body: string, status: number, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { 'content-type': TEXT_TYPE, ...headers }, body };
}

export const empty = (status = 200): Reply => ({ status });

/** What aiohttp answers when a handler raises. */
export const internalServerError = (): Reply => text('500 Internal Server Error\n\nServer got itself in trouble', 500);
