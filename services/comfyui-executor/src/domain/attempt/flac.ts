import { skip, tail, take, type Walk } from './container-walk.js';

/** A frame of 8 channels of 24 bits and the longest block has 1.6 MB. */
const LONGEST_FRAME = 2 * 1024 * 1024;
const NO_END = 'is cut off: its last frame does not end';

/**
 * Whether a FLAC file has its last frame, whole (RFC 9639): there is no table of frames, but each has checksums, and the
 * header of the file says how many samples there are.
 */
export function* flac(): Walk {
  yield* take(4);
  const info = { blockSize: 0, samples: 0 };
  for (let isLast = false; !isLast;) {
    const head = yield* take(4);
    if (head.length < 4) return 'is cut off in its header';
    isLast = head.readUInt8(0) >= 0x80;
    const length = head.readUIntBE(1, 3);
    if ((head.readUInt8(0) & 0x7f) !== 0) {
      if (!(yield* skip(length))) return 'is cut off in its header';
      continue;
    }
    const streamInfo = yield* take(length);
    if (streamInfo.length < 34) return 'is cut off in its header';
    info.blockSize = streamInfo.readUInt16BE(0);
    info.samples = (streamInfo.readUInt8(13) & 0x0f) * 2 ** 32 + streamInfo.readUInt32BE(14);
  }
  const end = yield* tail(LONGEST_FRAME);
  for (let at = end.length - 2; at >= 0; at -= 1) {
    const samples = samplesUpTo(end.subarray(at), info.blockSize);
    if (samples === undefined || crc16(end.subarray(at)) !== 0) continue;
    // 0: whoever wrote it did not know.
    return info.samples === 0 || samples >= info.samples ? undefined : NO_END;
  }
  return NO_END;
}

/** The number of samples up to the end of the frame that begins here (9.1); undefined when none does. */
function samplesUpTo(frame: Buffer, fixedBlockSize: number): number | undefined {
  if (frame.length < 6 || frame.readUInt8(0) !== 0xff || (frame.readUInt8(1) & 0xfe) !== 0xf8) return undefined;
  const codes = frame.readUInt8(2);
  const number = codedNumber(frame);
  if (number === undefined) return undefined;
  let at = number.end;
  const sizeBits = codes >> 4;
  const size = blockSize(sizeBits, frame, at);
  if (size === undefined) return undefined;
  at += sizeBits === 6 ? 1 : sizeBits === 7 ? 2 : 0;
  const rateBits = codes & 0x0f;
  at += rateBits === 12 ? 1 : rateBits === 13 || rateBits === 14 ? 2 : 0;
  if (at >= frame.length || crc8(frame.subarray(0, at + 1)) !== 0) return undefined;
  const isVariable = (frame.readUInt8(1) & 1) === 1;
  return (isVariable ? number.value : number.value * fixedBlockSize) + size;
}

/** Coded as UTF-8 codes characters, up to 36 bits (9.1.5). */
function codedNumber(frame: Buffer): { readonly value: number; readonly end: number } | undefined {
  const first = frame.readUInt8(4);
  if (first < 0x80) return { value: first, end: 5 };
  const ones = Math.clz32(~(first << 24));
  if (ones < 2 || ones > 7 || frame.length < 4 + ones) return undefined;
  let value = ones === 7 ? 0 : first & (0x7f >> ones);
  for (const byte of frame.subarray(5, 4 + ones)) value = value * 64 + (byte & 0x3f);
  return { value, end: 4 + ones };
}

/** In samples (9.1.1). */
function blockSize(bits: number, frame: Buffer, at: number): number | undefined {
  if (bits === 0) return undefined;
  if (bits === 1) return 192;
  if (bits <= 5) return 144 * 2 ** bits;
  if (bits >= 8) return 2 ** bits;
  const bytes = bits - 5;
  return at + bytes > frame.length ? undefined : frame.readUIntBE(at, bytes) + 1;
}

const CRC8 = crcTable(8, 0x07);
const CRC16 = crcTable(16, 0x8005);

/** Over a header and its checksum: 0 when they fit. */
function crc8(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = CRC8[crc ^ byte] ?? 0;
  return crc;
}

/** Over a frame and its checksum: 0 when they fit. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

function crcTable(width: 8 | 16, polynomial: number): readonly number[] {
  const top = 2 ** (width - 1);
  return Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (width - 8);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & top ? ((crc << 1) ^ polynomial) & (2 * top - 1) : crc << 1;
    return crc;
  });
}
