import type { BlobStore } from '@anime/blob-store';
import { INPUT_LIMIT, INPUT_PIXELS, type InputStored } from '@anime/contracts/http';
import { ProblemError } from '@anime/problem-details';
import { readPictureHead, type PictureHead } from '../domain/picture/picture-head.js';

/** A file that somebody sends. */
export interface SentFile {
  readonly mediaType: string;
  /** As announced in bytes; undefined when it was not. */
  readonly length: number | undefined;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Passes a picture on; throws what `refuse` makes, behind the last chunk, when that is not all of one. */
export type WholePicture = (
  chunks: AsyncIterable<Uint8Array>,
  mediaType: string,
  refuse: (why: string) => Error,
) => AsyncIterable<Uint8Array>;

/** The size of a JPEG may stand behind what cameras write of themselves, but not farther in than this. */
const HEAD_LIMIT = 4 * 1024 * 1024;

/**
 * Stores a picture that jobs take in, in flat memory. Nothing of one that is refused stays behind.
 * @throws ProblemError `body-too-large`, `input-invalid`, `storage-failed`
 */
export async function storeInput(
  blobs: Pick<BlobStore, 'put'>,
  wholePicture: WholePicture,
  file: SentFile,
): Promise<InputStored> {
  if ((file.length ?? 0) > INPUT_LIMIT) throw tooLarge();
  const chunks = upTo(INPUT_LIMIT, file.chunks);
  try {
    const { head, read } = await pictureHeadOf(chunks);
    if (head === undefined)
      throw invalid(read.length === 0 ? 'it is empty' : 'it is neither a PNG nor a JPEG nor a WebP picture');
    if (head.mediaType !== file.mediaType)
      throw invalid(`it is ${head.mediaType}, and its content-type says ${file.mediaType}`);
    if (head.width * head.height > INPUT_PIXELS)
      throw invalid(`its ${head.width} × ${head.height} pixels are more than ${INPUT_PIXELS / 1e6} million`);
    const { sha256, size } = await blobs.put(wholePicture(joined(read, chunks), head.mediaType, invalid));
    return { sha256, size, ...head };
  } finally {
    await chunks.return(undefined);
  }
}

/** The head of a picture, as far as it has one. @throws what reading throws */
export async function pictureHeadOf(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ readonly head: PictureHead | undefined; readonly read: Uint8Array }> {
  let read = new Uint8Array();
  for (;;) {
    const reading = readPictureHead(read);
    if (typeof reading === 'object') return { head: reading, read };
    if (reading === 'no-picture' || read.length >= HEAD_LIMIT) return { head: undefined, read };
    const next = await chunks.next();
    if (next.done === true) return { head: undefined, read };
    read = Buffer.concat([read, next.value]);
  }
}

async function* joined(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

async function* upTo(limit: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.byteLength;
    if (size > limit) throw tooLarge();
    yield chunk;
  }
}

function tooLarge(): ProblemError {
  return new ProblemError('body-too-large', `a picture may have ${INPUT_LIMIT / 1024 / 1024} MiB at most`);
}

function invalid(why: string): ProblemError {
  return new ProblemError('input-invalid', `the body is no picture that a job can take in: ${why}`, {
    errors: [{ path: '', message: why }],
  });
}
