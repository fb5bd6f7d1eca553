import { FileWalk, peek, skip, take, type Walk } from './container-walk.js';
import { flac } from './flac.js';
import { mediaTypeOf, SNIFF_LENGTH } from './media-type.js';
import { bmp, CUT, exr, gif, glb, jpeg, png } from './picture-walks.js';

/**
 * Whether a file is as long as its own structure says, from its chunks in flat memory. Nothing is decoded: it finds what was
 * written in part or is not what it claims to be. A format that is not known here passes.
 */
export function walkThrough(): FileWalk {
  return new FileWalk(anyFile());
}

function* anyFile(): Walk {
  const head = yield* peek(SNIFF_LENGTH);
  const walk = WALKS[mediaTypeOf(head)];
  if (walk !== undefined) return yield* walk();
  // What a disk keeps of a file when the power fails.
  return head.every((byte) => byte === 0) ? 'holds nothing but zeros where its format should be named' : undefined;
}

const WALKS: Readonly<Record<string, () => Walk>> = {
  'image/png': png,
  'image/jpeg': jpeg,
  'image/gif': gif,
  'image/webp': riff,
  'image/bmp': bmp,
  'image/x-exr': exr,
  'model/gltf-binary': glb,
  'image/avif': () => boxes(['meta', 'moov']),
  'video/mp4': () => boxes(['moov']),
  'video/quicktime': () => boxes(['moov']),
  'audio/mp4': () => boxes(['moov']),
  'video/webm': ebml,
  'video/x-matroska': ebml,
  'audio/wav': riff,
  'video/x-msvideo': riff,
  'audio/ogg': ogg,
  'audio/mpeg': mpegAudio,
  'audio/flac': flac,
};

/** Of WAVE, WebP and AVI. A length of 0 or of all ones is of one who could not go back to write it. */
function* riff(): Walk {
  const length = (yield* take(8)).readUInt32LE(4);
  return length === 0 || length === 0xffffffff || (yield* skip(length)) ? undefined : CUT;
}

/** Longest index of a picture that is looked into for the picture itself. */
const META_LIMIT = 1024 * 1024;

/**
 * Boxes that add up to the file's length (ISO 14496-12, 4.2), with one of those that are an index, and what it is an index of: a
 * file may end just between the two. A small picture may lie inside its index (`idat`, 8.11.11).
 */
function* boxes(index: readonly string[]): Walk {
  let hasIndex = false;
  let hasData = false;
  for (;;) {
    const head = yield* take(8);
    if (head.length > 0 && head.length < 8) return CUT;
    const type = head.toString('latin1', 4);
    hasIndex ||= index.includes(type);
    hasData ||= type === 'mdat';
    let length = head.length === 0 ? -8 : head.readUInt32BE(0) - 8;
    // No more boxes, or one that goes on to the end of the file.
    if (length === -8) {
      if (!hasIndex) return `has no ${index.join(' or ')} box`;
      return hasData ? undefined : `${CUT}: it has no mdat box`;
    }
    if (length === -7) {
      const large = yield* take(8);
      if (large.length < 8) return CUT;
      length = Number(large.readBigUInt64BE(0)) - 16;
    }
    if (length < 0) return 'is damaged: a box is smaller than its head';
    if (type === 'meta' && length <= META_LIMIT) {
      const meta = yield* take(length);
      if (meta.length < length) return CUT;
      hasData ||= meta.includes('idat');
    } else if (!(yield* skip(length))) return CUT;
  }
}

/** The header of EBML and the segment, as long as they say (RFC 8794, RFC 9559). A segment of unknown size ends with the file. */
function* ebml(): Walk {
  for (;;) {
    const head = yield* peek(12);
    const isSegment = head.length >= 4 && head.readUInt32BE(0) === 0x18538067;
    const size = vint(head.subarray(4));
    if (size === undefined) return CUT;
    yield* skip(4 + size.width);
    if (isSegment && size.value === undefined) return undefined;
    if (!(yield* skip(size.value ?? 0))) return CUT;
    if (isSegment) return undefined;
  }
}

/** The size of an element; its value is undefined when it is not known. */
function vint(bytes: Buffer): { readonly width: number; readonly value: number | undefined } | undefined {
  const first = bytes[0] ?? 0;
  const width = Math.clz32(first) - 23;
  if (first === 0 || bytes.length < width) return undefined;
  const marked = BigInt(`0x${bytes.subarray(0, width).toString('hex')}`);
  const value = marked & ((1n << BigInt(7 * width)) - 1n);
  return { width, value: value === (1n << BigInt(7 * width)) - 1n ? undefined : Number(value) };
}

/** Whole pages, and of each stream the last one (RFC 3533, 6). */
function* ogg(): Walk {
  const open = new Set<number>();
  for (;;) {
    const head = yield* take(27);
    if (head.length === 0) return open.size === 0 ? undefined : `${CUT} before its last page`;
    if (head.length < 27) return CUT;
    if (head.toString('latin1', 0, 4) !== 'OggS') return 'is damaged: a page does not begin where it should';
    const serial = head.readUInt32LE(14);
    if ((head.readUInt8(5) & 4) === 0) open.add(serial);
    else open.delete(serial);
    const segments = yield* take(head.readUInt8(26));
    const isWhole = yield* skip(segments.reduce((sum, length) => sum + length, 0));
    if (segments.length < head.readUInt8(26) || !isWhole) return CUT;
  }
}

/** Of MPEG 1, 2 and 2.5, layer III, by the index of a frame's header (ISO 11172-3, 2.4.2.3; ISO 13818-3); kbit/s and Hz. */
const BIT_RATES_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const BIT_RATES_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const SAMPLE_RATES = [44_100, 48_000, 32_000];

/** Whole frames of layer III, behind a tag. What is no frame, like a tag at the end, ends the walk. */
function* mpegAudio(): Walk {
  const tag = yield* peek(10);
  if (tag.toString('latin1', 0, 3) === 'ID3') {
    const length = [...tag.subarray(6)].reduce((sum, byte) => sum * 128 + (byte & 0x7f), 0);
    if (tag.length < 10 || !(yield* skip(10 + length))) return CUT;
  }
  for (let frames = 0; ; frames += 1) {
    const head = yield* take(4);
    if (head.length === 0) return frames > 0 ? undefined : `${CUT} before its first frame`;
    if (head.length < 4) return `${CUT} in a frame`;
    const length = frameLength(head.readUInt32BE(0));
    if (length === undefined) return undefined;
    const body = yield* take(length - 4);
    if (body.length < length - 4) return `${CUT} in a frame`;
    const all = frames === 0 ? lengthOfAll(body) : undefined;
    if (all !== undefined) return (yield* skip(Math.max(0, all - length))) ? undefined : `${CUT} before its last frame`;
  }
}

/** The bytes of all frames, as encoders write it into the first one; undefined where this one did not. */
function lengthOfAll(frame: Buffer): number | undefined {
  const at = Math.max(frame.indexOf('Xing'), frame.indexOf('Info'));
  if (at < 0 || at + 16 > frame.length) return undefined;
  const flags = frame.readUInt32BE(at + 4);
  return (flags & 2) === 0 ? undefined : frame.readUInt32BE(at + ((flags & 1) === 0 ? 8 : 12));
}

/** In bytes; undefined when it is no header of layer III, or of a free rate. */
function frameLength(head: number): number | undefined {
  const [version, layer] = [(head >>> 19) & 3, (head >>> 17) & 3];
  const isFirst = version === 3;
  const bitRate = (isFirst ? BIT_RATES_1 : BIT_RATES_2)[(head >>> 12) & 15] ?? 0;
  const sampleRate = SAMPLE_RATES[(head >>> 10) & 3];
  if (head >>> 21 !== 0x7ff || version === 1 || layer !== 1 || bitRate === 0 || sampleRate === undefined)
    return undefined;
  const hertz = isFirst ? sampleRate : sampleRate / (version === 2 ? 2 : 4);
  return Math.floor(((isFirst ? 144_000 : 72_000) * bitRate) / hertz) + ((head >>> 9) & 1);
}
