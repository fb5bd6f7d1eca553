import { setTimeout as delay } from 'node:timers/promises';
import { isProblem } from '@anime/problem-details';
import type { Dispatcher } from 'undici';
import type { CallOptions, ComfyHttp } from './comfy-http.js';
import { FileChangedError, FileMissingError, UnexpectedAnswerError, unreachable } from './errors.js';
import { pathOf, type ServerFile } from './output-files.js';

/**
 * Before each try to go on, in ms, as long as none brings another byte: together as long as a server takes to restart
 * (contract §6: 8 s). The files in output/ survive that.
 */
const RESUME_PAUSES_MS = [100, 400, 1_500, 8_000] as const;

/** What tells one content of a file from another. */
interface FileMark {
  readonly size: number;
  readonly etag: string;
  readonly lastModified: string;
}

/**
 * Streams a file's bytes. When the connection is cut, it goes on where it stopped, if the file is still the same by ETag,
 * Last-Modified and size (`Range` works on plain files, contract §4).
 * @throws FileMissingError on 404, FileChangedError, ProblemError `comfyui-unavailable`, the reason of the signal
 */
export async function* downloadFile(
  http: ComfyHttp,
  file: ServerFile,
  { signal }: CallOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const query = new URLSearchParams({ filename: file.filename, subfolder: file.subfolder, type: file.type });
  const path = `/view?${query.toString()}`;
  let mark: FileMark | undefined;
  let received = 0;
  for (let fruitless = 0; ;) {
    const before = received;
    let failed: unknown;
    try {
      const response = await open(http, path, file, { from: received, mark, signal });
      mark ??= markOf(response);
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        received += chunk.length;
        if (mark !== undefined && received > mark.size) throw new FileChangedError(pathOf(file));
        yield chunk;
      }
      if (mark === undefined || received === mark.size) return;
      failed = new Error(`the file has ${mark.size} bytes, but only ${received} came`);
    } catch (error) {
      failed = error;
    }
    signal?.throwIfAborted();
    // Cut after the last byte: all is there.
    if (mark !== undefined && received === mark.size) return;
    fruitless = received > before ? 0 : fruitless + 1;
    const pauseMs = RESUME_PAUSES_MS[fruitless];
    if (mark === undefined || pauseMs === undefined || isFinal(failed))
      throw isProblem(failed) ? failed : unreachable(http.baseUrl, path, failed);
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
  }
}

interface From extends CallOptions {
  /** Bytes that are here already. */
  readonly from: number;
  readonly mark: FileMark | undefined;
}

async function open(
  http: ComfyHttp,
  path: string,
  file: ServerFile,
  { from, mark, signal }: From,
): Promise<Dispatcher.ResponseData> {
  const headers: Record<string, string> = from === 0 ? {} : { range: `bytes=${from}-` };
  const response = await http.send({ method: 'GET', path, headers, signal });
  const { statusCode: status, body } = response;
  // A body that is given up says so once more, to nobody; unheard, that would end the process.
  body.on('error', () => undefined);
  if (status === 404) {
    await body.dump();
    throw new FileMissingError(pathOf(file));
  }
  // Range not satisfiable: the file has become shorter.
  const isChanged = (status === 416 && from > 0) || (mark !== undefined && !isSame(mark, markOf(response)));
  const isWanted = from === 0 ? status === 200 : status === 206 && rangeOf(response)?.from === from;
  if (isWanted && !isChanged) return response;
  const isOther = status === 200 || status === 206 || status === 416;
  if (!isOther) throw http.unexpected({ path, status, text: await body.text() });
  body.destroy();
  if (isChanged) throw new FileChangedError(pathOf(file));
  throw http.unexpected({ path, status, text: 'not the rest of the file, which was asked for' });
}

/** Undefined where the server does not tell enough to know the file again. */
function markOf(response: Dispatcher.ResponseData): FileMark | undefined {
  const { statusCode, headers } = response;
  const size = statusCode === 206 ? rangeOf(response)?.size : Number(headers['content-length']);
  const [etag, lastModified] = [header(headers['etag']), header(headers['last-modified'])];
  if (size === undefined || !Number.isSafeInteger(size) || (etag === '' && lastModified === '')) return undefined;
  return { size, etag, lastModified };
}

function rangeOf({ headers }: Dispatcher.ResponseData): { readonly from: number; readonly size: number } | undefined {
  const [, from, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(header(headers['content-range'])) ?? [];
  return from === undefined || size === undefined ? undefined : { from: Number(from), size: Number(size) };
}

function isSame(before: FileMark, now: FileMark | undefined): boolean {
  return now?.size === before.size && now.etag === before.etag && now.lastModified === before.lastModified;
}

function header(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** What another try cannot mend. A proxy's 502 to 504 can be: the server behind it restarts. */
function isFinal(error: unknown): boolean {
  if (error instanceof UnexpectedAnswerError) return !error.isGateways;
  return error instanceof FileMissingError || error instanceof FileChangedError;
}
