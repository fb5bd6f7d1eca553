import { deflateSync } from 'node:zlib';
import { crc32 } from 'node:zlib';
import type { RecordedRequest } from './recording.js';

const BOUNDARY = 'replayed-form';
/** Uploads of this size were pictures with an alpha channel. */
const RGBA_BYTES = 86;

/** A form with the recorded fields. Contents are made up: the same size stands for the same bytes. */
export function formOf({ multipart, raw_filename: rawName, note }: RecordedRequest): {
  body: Buffer;
  contentType: string;
} {
  const parts: Buffer[] = [];
  if (rawName !== undefined) parts.push(filePart('image', rawName, picture(80)));
  const { filename, bytes, ...fields } = multipart ?? {};
  if (typeof filename === 'string') {
    const field = note === 'wrong field name' ? 'picture' : 'image';
    // The recording client percent-encodes names.
    parts.push(filePart(field, encodeURIComponent(filename), picture(Number(bytes))));
  }
  for (const [name, value] of Object.entries(fields)) parts.push(part(`name="${name}"`, Buffer.from(String(value))));
  if (parts.length === 0) parts.push(part('name="other"', Buffer.from('1')));
  parts.push(Buffer.from(`--${BOUNDARY}--\r\n`));
  return { body: Buffer.concat(parts), contentType: `multipart/form-data; boundary=${BOUNDARY}` };
}

function filePart(field: string, filename: string, content: Buffer): Buffer {
  return part(`name="${field}"; filename="${filename}"`, content);
}

function part(disposition: string, content: Buffer): Buffer {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n')]);
}

/** A PNG for files that were there before a recording. */
export const samplePicture = (): Buffer => picture(80);

/** Small sizes are no pictures; all others are a PNG of 16 x 16 whose colour is the size. */
function picture(bytes: number): Buffer {
  if (bytes < 50) return Buffer.from('hello'.slice(0, bytes));
  const channels = bytes === RGBA_BYTES ? 4 : 3;
  const row = Buffer.concat([Buffer.from([0]), Buffer.alloc(16 * channels, bytes)]);
  const header = Buffer.from([0, 0, 0, 16, 0, 0, 0, 16, 8, channels === 4 ? 6 : 2, 0, 0, 0]);
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(Array.from({ length: 16 }, () => row)))),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
