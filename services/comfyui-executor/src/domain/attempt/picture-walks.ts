import { peek, skip, take, type Step, type Walk } from './container-walk.js';

export const CUT = 'is cut off';

/** Chunks up to IEND (PNG 3rd edition, 5.3); what stands behind is nobody's. */
export function* png(): Walk {
  yield* skip(8);
  for (;;) {
    const head = yield* take(8);
    if (head.length < 8 || !(yield* skip(head.readUInt32BE(0) + 4))) return `${CUT} before its IEND`;
    if (head.toString('latin1', 4) === 'IEND') return undefined;
  }
}

/**
 * Segments and scans up to EOI (ITU-T T.81, B.1 and B.2), which decoders do not always miss. A thumbnail inside a segment has an
 * EOI of its own; what stands behind the last one is nobody's.
 */
export function* jpeg(): Walk {
  const cut = `${CUT} before its end`;
  yield* skip(2);
  for (;;) {
    if (!(yield* toMarker())) return cut;
    const code = (yield* take(2))[1] ?? 0;
    if (code === 0xd9) return undefined;
    if (code === 0x01 || code === 0xd8) continue;
    const length = yield* take(2);
    if (length.length < 2 || !(yield* skip(Math.max(0, length.readUInt16BE(0) - 2)))) return cut;
  }
}

const SCAN_WINDOW = 64 * 1024;

/** Passes what is coded between two markers: there FF is followed by 0, by a restart or by another FF. */
function* toMarker(): Step<boolean> {
  for (;;) {
    const bytes = yield* peek(SCAN_WINDOW);
    for (let at = bytes.indexOf(0xff); at >= 0 && at + 1 < bytes.length; at = bytes.indexOf(0xff, at + 1)) {
      const code = bytes[at + 1] ?? 0;
      if (code === 0 || code === 0xff || (code >= 0xd0 && code <= 0xd7)) continue;
      yield* skip(at);
      return true;
    }
    if (bytes.length < SCAN_WINDOW) return false;
    // Its last byte may begin a marker.
    yield* skip(SCAN_WINDOW - 1);
  }
}

/** Blocks up to the trailer (GIF89a, 17 to 27). Without it, frames may be missing that no decoder misses. */
export function* gif(): Walk {
  const cut = `${CUT} before its trailer`;
  const screen = yield* take(13);
  if (screen.length < 13 || !(yield* skip(tableBytes(screen.readUInt8(10))))) return cut;
  for (;;) {
    const kind = (yield* take(1))[0];
    if (kind === 0x3b) return undefined;
    if (kind === undefined) return cut;
    if (kind === 0x2c) {
      const image = yield* take(9);
      if (image.length < 9 || !(yield* skip(tableBytes(image.readUInt8(8)) + 1))) return cut;
    } else if (kind === 0x21) {
      if (!(yield* skip(1))) return cut;
    } else return 'is damaged: a block is of no known kind';
    for (let length = (yield* take(1))[0]; length !== 0; length = (yield* take(1))[0])
      if (length === undefined || !(yield* skip(length))) return cut;
  }
}

/** Of a colour table, by the flags that say whether there is one. */
function tableBytes(flags: number): number {
  return (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
}

/** As long as its header says (BITMAPFILEHEADER); some say nothing. */
export function* bmp(): Walk {
  const head = yield* take(6);
  if (head.length < 6) return CUT;
  return (yield* skip(Math.max(0, head.readUInt32LE(2) - 6))) ? undefined : CUT;
}

/** As long as its header says (glTF 2.0, 4.4.2). */
export function* glb(): Walk {
  const head = yield* take(12);
  if (head.length < 12) return CUT;
  return (yield* skip(Math.max(0, head.readUInt32LE(8) - 12))) ? undefined : CUT;
}

/** Lines of a chunk by the number of the compression (OpenEXR file layout). */
const EXR_LINES = [1, 1, 1, 16, 32, 16, 32, 32, 32, 256];
const EXR_MOST_CHUNKS = 1_000_000;
/** Tiles, deep data, several parts. */
const EXR_OTHER_KINDS = 0x200 | 0x800 | 0x1000;

/**
 * Up to the end of the chunk that stands last by the table of offsets, which writers fill in at the end (OpenEXR file layout). Only
 * plain scan lines are looked into.
 */
export function* exr(): Walk {
  const version = yield* take(8);
  if (version.length < 8) return CUT;
  if ((version.readUInt32LE(4) & EXR_OTHER_KINDS) !== 0) return undefined;
  let at = 8;
  let lines = 0;
  let height = 0;
  for (;;) {
    const name = yield* word();
    if (name === undefined) return CUT;
    at += name.length + 1;
    if (name === '') break;
    const type = yield* word();
    const size = yield* take(4);
    if (type === undefined || size.length < 4) return CUT;
    const bytes = size.readUInt32LE(0);
    const isSought = name === 'compression' || name === 'dataWindow';
    const value = isSought ? yield* take(bytes) : undefined;
    if (value === undefined ? !(yield* skip(bytes)) : value.length < bytes) return CUT;
    if (name === 'compression') lines = EXR_LINES[value?.[0] ?? -1] ?? 0;
    if (name === 'dataWindow' && value?.length === 16) height = value.readInt32LE(12) - value.readInt32LE(4) + 1;
    at += type.length + 1 + 4 + bytes;
  }
  const chunks = Math.ceil(height / lines);
  // Of another compression than is known here, or no picture that anybody has.
  if (lines === 0 || !(chunks > 0 && chunks <= EXR_MOST_CHUNKS)) return undefined;
  const table = yield* take(8 * chunks);
  if (table.length < 8 * chunks) return CUT;
  const offsets = Array.from({ length: chunks }, (_, n) => Number(table.readBigUInt64LE(8 * n)));
  if (offsets.includes(0)) return `${CUT}: its table of offsets has gaps`;
  const last = offsets.reduce((most, offset) => Math.max(most, offset), 0);
  if (!(yield* skip(Math.max(0, last - at - table.length)))) return CUT;
  const chunk = yield* take(8);
  return chunk.length === 8 && (yield* skip(chunk.readUInt32LE(4))) ? undefined : CUT;
}

/** Text up to a zero byte; undefined when none comes. */
function* word(): Step<string | undefined> {
  const bytes = yield* peek(256);
  const end = bytes.indexOf(0);
  if (end < 0) return undefined;
  yield* skip(end + 1);
  return bytes.toString('latin1', 0, end);
}
