import { crc32 } from 'node:zlib';

const SIGNATURE_LENGTH = 8;
/** Length, type, 13 bytes of data, checksum. */
const HEADER_CHUNK_LENGTH = 4 + 4 + 13 + 4;

/**
 * Inserts tEXt chunks right after IHDR.
 * Source: PNG specification (third edition) 11.3.3.2: keyword 1-79 Latin-1 bytes, a zero byte, Latin-1 text.
 * @param texts keyword to text, both Latin-1 only @throws RangeError for anything PNG cannot hold
 */
export function insertPngText(png: Buffer, texts: Readonly<Record<string, string>>): Buffer {
  const insertAt = SIGNATURE_LENGTH + HEADER_CHUNK_LENGTH;
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text));
  return Buffer.concat([png.subarray(0, insertAt), ...chunks, png.subarray(insertAt)]);
}

/** Length, type and checksum of an empty IEND. */
const END_CHUNK_LENGTH = 12;

/** Adds text chunks of another type behind the picture's data, as ComfyUI does in animations. @throws RangeError */
export function appendPngChunks(png: Buffer, type: string, texts: Readonly<Record<string, string>>): Buffer {
  const endAt = png.length - END_CHUNK_LENGTH;
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text, type));
  return Buffer.concat([png.subarray(0, endAt), ...chunks, png.subarray(endAt)]);
}

/** Reads all tEXt chunks, keyword to text. @throws RangeError when a chunk is cut off */
export function readPngText(png: Buffer): Record<string, string> {
  const texts: Record<string, string> = {};
  let offset = SIGNATURE_LENGTH;
  while (offset + 12 <= png.length) {
    const length = png.readUInt32BE(offset);
    const type = png.toString('latin1', offset + 4, offset + 8);
    if (offset + 12 + length > png.length) throw new RangeError(`PNG chunk ${type} is cut off`);
    if (type === 'tEXt') {
      const data = png.subarray(offset + 8, offset + 8 + length);
      const separator = data.indexOf(0);
      texts[data.toString('latin1', 0, separator)] = data.toString('latin1', separator + 1);
    }
    offset += 12 + length;
  }
  return texts;
}

function textChunk(keyword: string, text: string, type = 'tEXt'): Buffer {
  if (keyword.length < 1 || keyword.length > 79) throw new RangeError('a PNG keyword has 1 to 79 characters');
  if (/[^\u0001-\u00ff]/.test(keyword + text))
    throw new RangeError('a PNG tEXt chunk holds Latin-1 without zero bytes');
  const body = Buffer.from(`${type}${keyword}\0${text}`, 'latin1');
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(body.length - 4, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return chunk;
}
