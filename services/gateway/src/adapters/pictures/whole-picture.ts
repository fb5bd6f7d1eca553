import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { INPUT_PIXELS } from '@anime/contracts/http';
import { messageOf, ProblemError } from '@anime/problem-details';
import sharp from 'sharp';

// Each picture is read once: a cache would only hold memory.
sharp.cache(false);

/** What a picture ends with (PNG 3rd edition, 11.2.5; ITU-T T.81, B.1.1.3): decoders do not always miss it. */
const ENDS: Readonly<Record<string, Buffer>> = {
  'image/png': Buffer.from('IEND\xaeB`\x82', 'latin1'),
  'image/jpeg': Buffer.from([0xff, 0xd9]),
};
/** Who writes something behind a picture writes little. */
const TAIL = 64 * 1024;

/** Of several one is decoded after the other: some formats take memory for all their pixels. */
let line: Promise<unknown> = Promise.resolve();

/**
 * Passes the chunks of a picture on, and decodes it when all have come. In flat memory, but for formats that can only be decoded at once
 * (WebP, interlaced PNG): 4 bytes a pixel.
 * @param refuse makes the error of why it is no whole picture
 * @throws what `refuse` made, behind the last chunk; ProblemError `storage-failed` when this machine has no room to check it
 */
export async function* wholePicture(
  chunks: AsyncIterable<Uint8Array>,
  mediaType: string,
  refuse: (why: string) => Error,
): AsyncGenerator<Uint8Array> {
  const folder = await here(mkdtemp(path.join(tmpdir(), 'anime-input-')));
  try {
    const place = path.join(folder, 'picture');
    await using file = await here(open(place, 'w+'));
    for await (const chunk of chunks) {
      await here(file.writeFile(chunk));
      yield chunk;
    }
    const decoding = line.then(() => flawOf(place));
    line = decoding.catch(() => undefined);
    const flaw = (await decoding) ?? ((await here(hasEnd(file, mediaType))) ? undefined : 'it is cut off');
    if (flaw !== undefined) throw refuse(flaw);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Decodes all of it and keeps next to nothing. @throws ProblemError `storage-failed` */
async function flawOf(place: string): Promise<string | undefined> {
  try {
    await sharp(place, { failOn: 'warning', limitInputPixels: INPUT_PIXELS, sequentialRead: true })
      .resize(16, 16, { fit: 'fill' })
      .raw()
      .toBuffer();
    return undefined;
  } catch (error) {
    const reason = messageOf(error).split('\n', 1)[0] ?? '';
    // Want of memory is this machine's fault, not the picture's.
    if (/out of memory|unable to allocate|unable to open/i.test(reason)) throw unchecked(error);
    return `it cannot be decoded: ${reason}`;
  }
}

async function hasEnd(file: FileHandle, mediaType: string): Promise<boolean> {
  const end = ENDS[mediaType];
  if (end === undefined) return true;
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL));
  return buffer.subarray(0, bytesRead).includes(end);
}

/** What goes wrong on this machine's disk is no fault of the picture. */
async function here<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw unchecked(error);
  }
}

function unchecked(cause: unknown): ProblemError {
  return new ProblemError('storage-failed', `The picture cannot be checked: ${messageOf(cause)}`, { cause });
}
