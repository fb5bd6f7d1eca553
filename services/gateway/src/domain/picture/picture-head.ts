import type { InputMediaType } from '@anime/contracts/http';

/** What the first bytes of a picture say of it; pixels. */
export interface PictureHead {
  readonly mediaType: InputMediaType;
  readonly width: number;
  readonly height: number;
}

/** `more`: it may be a picture, and further bytes will tell. */
export type HeadReading = PictureHead | 'more' | 'no-picture';

/** By media type: how a file of it ends in its name. */
export const EXTENSIONS: Readonly<Record<InputMediaType, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
};

/**
 * Reads the head of a PNG (W3C PNG, 5.2 and 11.2.1), a JPEG (ITU-T T.81, B.1 and B.2) or a WebP (RFC 9649). Nothing is decoded: a picture
 * that is damaged further on is one all the same.
 */
export function readPictureHead(bytes: Uint8Array): HeadReading {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const { signature, read } of FORMATS) {
    const given = Math.min(signature.length, bytes.length);
    const matches = signature.every((byte, n) => n >= given || byte === undefined || byte === bytes[n]);
    if (matches) return given < signature.length ? 'more' : withSize(read(view));
  }
  return 'no-picture';
}

const FORMATS: readonly {
  /** Bytes that it begins with; undefined where any may stand. */
  readonly signature: readonly (number | undefined)[];
  readonly read: (view: DataView) => HeadReading;
}[] = [
  { signature: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], read: pngHead },
  { signature: [0xff, 0xd8, 0xff], read: jpegHead },
  { signature: [...bytesOf('RIFF'), undefined, undefined, undefined, undefined, ...bytesOf('WEBP')], read: webpHead },
];

function withSize(head: HeadReading): HeadReading {
  return typeof head === 'object' && (head.width < 1 || head.height < 1) ? 'no-picture' : head;
}

function pngHead(view: DataView): HeadReading {
  if (view.byteLength < 24) return 'more';
  if (tagAt(view, 12) !== 'IHDR') return 'no-picture';
  return { mediaType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
}

/** Markers that no length follows: TEM and the restarts. */
const BARE = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
/** Start of frame: 0xC0 to 0xCF, but for DHT, JPG and DAC, which share the range. */
const FRAME = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);

/** Goes from segment to segment, however many stand before the frame. */
function jpegHead(view: DataView): HeadReading {
  let at = 2;
  while (at + 1 < view.byteLength) {
    if (view.getUint8(at) !== 0xff) return 'no-picture';
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at += 1;
    else if (BARE(marker)) at += 2;
    else if (marker === 0xd9 || marker === 0xda) return 'no-picture';
    else {
      if (at + 9 > view.byteLength) return 'more';
      if (FRAME(marker))
        return { mediaType: 'image/jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
      at += 2 + Math.max(2, view.getUint16(at + 2));
    }
  }
  return 'more';
}

function webpHead(view: DataView): HeadReading {
  if (view.byteLength < 30) return 'more';
  const size = webpSize(view);
  return size === undefined ? 'no-picture' : { mediaType: 'image/webp', ...size };
}

function webpSize(view: DataView): Pick<PictureHead, 'width' | 'height'> | undefined {
  switch (tagAt(view, 12)) {
    case 'VP8 ':
      return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { width: (view.getUint32(24, true) & 0xffffff) + 1, height: (view.getUint32(26, true) >>> 8) + 1 };
    default:
      return undefined;
  }
}

function tagAt(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((n) => view.getUint8(at + n)));
}

function bytesOf(tag: string): readonly number[] {
  return [...tag].map((letter) => letter.charCodeAt(0));
}
