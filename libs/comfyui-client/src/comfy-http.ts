import { Readable } from 'node:stream';
import { Pool, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { AnswerTooLargeError, UnexpectedAnswerError, unreachable } from './errors.js';
import { parseServerJson } from './server-json.js';

/** What every call takes. */
export interface CallOptions {
  /** When it aborts, the call is given up and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ComfyHttpOptions {
  /**
   * `http://host:port` with an optional path, and an optional user and password, percent-encoded, which are sent as Basic
   * credentials.
   */
  readonly baseUrl: string;
  /**
   * Until an answer begins, in ms. A busy server stalls for seconds without being gone (contract §7: Python's interpreter lock).
   * Default 30 s.
   */
  readonly timeoutMs?: number;
  /** Until connected, in ms. Default 10 s, or `timeoutMs` where that is less. */
  readonly connectTimeoutMs?: number;
  /** Between two pieces of a body, in ms: a download that stands still so long is cut. Default twice `timeoutMs`. */
  readonly idleTimeoutMs?: number;
  /**
   * Of an answer that is read whole, in bytes. The largest known one is a history of 10 000 prompts with 10 MB; what is beyond the
   * default of 256 MB is no ComfyUI.
   */
  readonly largestAnswer?: number;
}

export interface Answer {
  readonly path: string;
  readonly status: number;
  readonly contentType: string;
  /** The server's clock when it answered, in whole seconds as ms; null where it does not tell. */
  readonly date: number | null;
  readonly text: string;
}

export interface HttpRequest extends CallOptions {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array> | undefined;
}

/** Requests to one server: connections, time limits, credentials, and errors that name the server. */
export class ComfyHttp {
  /** Without user and password: it is shown in errors. */
  readonly baseUrl: string;
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #credentials: Readonly<Record<string, string>>;
  readonly #largestAnswer: number;

  constructor(options: ComfyHttpOptions) {
    const url = new URL(options.baseUrl);
    this.#prefix = url.pathname.replace(/\/$/, '');
    this.baseUrl = url.origin + this.#prefix;
    this.#credentials = credentialsIn(url);
    this.#largestAnswer = options.largestAnswer ?? 256 * 1024 * 1024;
    const timeout = options.timeoutMs ?? 30_000;
    this.#pool = new Pool(url.origin, {
      connections: 16,
      connect: { timeout: options.connectTimeoutMs ?? Math.min(timeout, 10_000) },
      headersTimeout: timeout,
      bodyTimeout: options.idleTimeoutMs ?? 2 * timeout,
    });
  }

  /**
   * Sends a request; the caller reads or destroys the body.
   * @throws ProblemError `comfyui-unavailable` when nothing comes back; the reason of the signal when that aborts
   */
  async send({ method, path, headers = {}, body, signal }: HttpRequest): Promise<Dispatcher.ResponseData> {
    try {
      return await this.#pool.request({
        method,
        path: this.#prefix + path,
        // No Origin and no Sec-Fetch-Site: those are what the server's guard against browsers refuses (contract §1.4, 25).
        headers: { ...this.#credentials, ...headers },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : Readable.from(body, { objectMode: false }) }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw unreachable(this.baseUrl, path, error);
    }
  }

  /** Sends a request and reads the answer, of whatever status. @throws AnswerTooLargeError beyond `largestAnswer` */
  async request(request: HttpRequest): Promise<Answer> {
    const { path, signal } = request;
    const { statusCode: status, headers, body } = await this.send(request);
    const contentType = String(headers['content-type'] ?? '');
    const date = Date.parse(String(headers['date'] ?? ''));
    const { text, isWhole } = await startOf(body, this.#largestAnswer).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw unreachable(this.baseUrl, path, error);
    });
    if (!isWhole) {
      const said = `the answer is larger than ${this.#largestAnswer} bytes`;
      throw new AnswerTooLargeError({ baseUrl: this.baseUrl, path, status, body: text, said });
    }
    return { path, status, contentType, date: Number.isNaN(date) ? null : date, text };
  }

  get(path: string, options?: CallOptions): Promise<Answer> {
    return this.request({ method: 'GET', path, signal: options?.signal });
  }

  /** @param body is sent as JSON; without one, nothing is sent */
  post(path: string, body?: unknown, options?: CallOptions): Promise<Answer> {
    const json = { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return this.request({ method: 'POST', path, signal: options?.signal, ...(body === undefined ? {} : json) });
  }

  /**
   * The answer's JSON in the shape that the route promises.
   * @throws UnexpectedAnswerError for another status, no JSON or another shape
   */
  parse<S extends z.ZodType>(schema: S, answer: Answer, status = 200): z.infer<S> {
    if (answer.status !== status) throw this.unexpected(answer);
    try {
      return schema.parse(parseServerJson(answer.text));
    } catch (error) {
      throw this.unexpected(answer, error);
    }
  }

  /** @throws UnexpectedAnswerError for another status than 200. Routes that only act answer an empty 200 (contract §1.4, 19). */
  requireOk(answer: Answer): void {
    if (answer.status !== 200) throw this.unexpected(answer);
  }

  unexpected({ path, status, text }: Pick<Answer, 'path' | 'status' | 'text'>, cause?: unknown): UnexpectedAnswerError {
    return new UnexpectedAnswerError({ baseUrl: this.baseUrl, path, status, body: text, cause });
  }

  /** Ends all connections; requests under way fail. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** True when the answer is JSON of this shape. */
export function isAnswer(schema: z.ZodType, answer: Answer): boolean {
  try {
    return answer.contentType.includes('json') && schema.safeParse(parseServerJson(answer.text)).success;
  } catch {
    return false;
  }
}

/** A body, or the first piece of one that is larger: nobody needs the rest. */
async function startOf(
  body: AsyncIterable<Uint8Array>,
  largest: number,
): Promise<{ readonly text: string; readonly isWhole: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > largest) return { text: Buffer.from(chunks[0] ?? []).toString('utf8'), isWhole: false };
  }
  return { text: Buffer.concat(chunks).toString('utf8'), isWhole: true };
}

/** RFC 7617. */
function credentialsIn({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}
