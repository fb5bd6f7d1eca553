import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { INPUT_PIXELS } from '@anime/contracts/http';
import { messageOf } from '@anime/problem-details';
import sharp from 'sharp';

// Each picture is read once: a cache would only hold memory.
sharp.cache(false);

/** What a PNG ends with (PNG 3rd edition, 11.2.5). Its decoder does not miss it. */
const PNG_END = Buffer.from('IEND\xaeB`\x82', 'latin1');
/** Who writes something behind a picture writes little. */
const TAIL = 64 * 1024;

/** Of several one is decoded after the other: some formats take memory for all their pixels. */
let line: Promise<unknown> = Promise.resolve();

/**
 * Passes the chunks of a picture on, and decodes it when all have come. In flat memory, but for formats that can only be decoded at once
 * (WebP, interlaced PNG): 4 bytes a pixel.
 * @param refuse makes the error of why it is no whole picture
 * @throws what `refuse` made, behind the last chunk
 */
export async function* wholePicture(
  chunks: AsyncIterable<Uint8Array>,
  mediaType: string,
  refuse: (why: string) => Error,
): AsyncGenerator<Uint8Array> {
  const folder = await mkdtemp(path.join(tmpdir(), 'anime-input-'));
  try {
    const place = path.join(folder, 'picture');
    await using file = await open(place, 'w+');
    for await (const chunk of chunks) {
      await file.writeFile(chunk);
      yield chunk;
    }
    const decoding = line.then(() => flawOf(place));
    line = decoding;
    const flaw =
      (await decoding) ?? (mediaType === 'image/png' && !(await endsAsPng(file)) ? 'it is cut off' : undefined);
    if (flaw !== undefined) throw refuse(flaw);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Decodes all of it and keeps next to nothing. Never throws. */
async function flawOf(place: string): Promise<string | undefined> {
  try {
    await sharp(place, { failOn: 'warning', limitInputPixels: INPUT_PIXELS, sequentialRead: true })
      .resize(16, 16, { fit: 'fill' })
      .raw()
      .toBuffer();
    return undefined;
  } catch (error) {
    return `it cannot be decoded: ${messageOf(error).split('\n', 1)[0]}`;
  }
}

async function endsAsPng(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL), 0, TAIL, Math.max(0, size - TAIL));
  return buffer.subarray(0, bytesRead).includes(PNG_END);
}
