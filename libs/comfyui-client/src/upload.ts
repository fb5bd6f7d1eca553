import { randomUUID } from 'node:crypto';
import { ProblemError } from '@anime/problem-details';
import { UploadAnswer } from './answers.js';
import type { CallOptions, ComfyHttp } from './comfy-http.js';
import type { ServerFile } from './output-files.js';

/** A file for the server's input folder. */
export interface Upload {
  /** Read once, as it is sent; nothing is kept in memory. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** In bytes, where it is known: a proxy may want it. */
  readonly size?: number;
  /** Without a folder. Name it by its content: then a repeat writes nothing, and no other file has the name. */
  readonly name: string;
  /** Below the input folder; made where it is not there. */
  readonly subfolder?: string;
  /** Replaces a file of that name. Otherwise other bytes get another name: `name (1).ext`. */
  readonly overwrite?: boolean;
}

const LONGEST_NAME = 255;

/**
 * Streams a file into the input folder; any kind of file, ComfyUI looks at none (contract §4).
 * @returns where it is: the name may be another than the one given
 * @throws ProblemError `validation-failed` for a name or folder that the server answers with a bare 400 or 500;
 *   UnexpectedAnswerError, e.g. 413 beyond `max_upload_size`; what `bytes` throws
 */
export async function uploadFile(http: ComfyHttp, upload: Upload, { signal }: CallOptions = {}): Promise<ServerFile> {
  requireUsable(upload);
  const boundary = `comfyui-client-${randomUUID()}`;
  const head = Buffer.from(
    `${field(boundary, 'subfolder', upload.subfolder ?? '')}${field(boundary, 'overwrite', upload.overwrite === true ? 'true' : 'false')}` +
      `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="${escaped(upload.name)}"\r\n` +
      'Content-Type: application/octet-stream\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  let failure: unknown;
  const source = watched(upload.bytes, (error) => (failure = error));
  const length = upload.size === undefined ? undefined : head.length + upload.size + tail.length;
  try {
    const answer = await http.request({
      method: 'POST',
      path: '/upload/image',
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        ...(length === undefined ? {} : { 'content-length': String(length) }),
      },
      body: around(head, source, tail),
      signal,
    });
    const { name, subfolder, type } = http.parse(UploadAnswer, answer);
    return { filename: name, subfolder, type };
  } catch (error) {
    // A source that broke is not the server's doing.
    throw failure ?? error;
  }
}

function requireUsable({ name, subfolder = '' }: Upload): void {
  const errors = [];
  if (
    name === '' ||
    name === '.' ||
    name.includes('..') ||
    /[/\\\0]/.test(name) ||
    Buffer.byteLength(name) > LONGEST_NAME
  )
    errors.push({ path: 'name', message: `must be a file name of 1 to ${LONGEST_NAME} bytes without / \\ and ..` });
  if (subfolder.startsWith('/') || subfolder.split(/[/\\]/).includes('..') || subfolder.includes('\0'))
    errors.push({ path: 'subfolder', message: 'must be a relative path without ..' });
  if (errors.length > 0)
    throw new ProblemError('validation-failed', `ComfyUI takes no upload named ${subfolder}/${name}`, { errors });
}

function field(boundary: string, name: string, value: string): string {
  return `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
}

/** As browsers write it, in raw UTF-8; a percent-encoded name would be taken literally (contract §4). */
function escaped(name: string): string {
  return name.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22');
}

async function* around(
  head: Uint8Array,
  bytes: AsyncIterable<Uint8Array>,
  tail: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield head;
  yield* bytes;
  yield tail;
}

/** Passes the source on, and tells what it threw, which the connection's own error would hide. */
async function* watched(
  bytes: AsyncIterable<Uint8Array>,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    onFailure(error);
    throw error;
  }
}
