/** How many bytes of a file `mediaTypeOf` looks at. */
export const SNIFF_LENGTH = 512;

/** Brands of ISO base media files (ISO 14496-12) that are not plainly MP4. */
const BRANDS: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  avis: 'image/avif',
  heic: 'image/heic',
  'M4A ': 'audio/mp4',
  'qt  ': 'video/quicktime',
};

/** Pictures that studios work with and that are not decoded here. */
const PICTURES: readonly (readonly [RegExp, string])[] = [
  [/^\x76\x2f\x31\x01/, 'image/x-exr'],
  [/^(II\*\0|MM\0\*)/, 'image/tiff'],
  [/^8BPS/, 'image/vnd.adobe.photoshop'],
  [/^#\?(RADIANCE|RGBE)/, 'image/vnd.radiance'],
  [/^BM.{4}\0{4}/s, 'image/bmp'],
  [/^\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE[^>]*>\s*)*<svg[\s>]/s, 'image/svg+xml'],
];

/**
 * The media type by the first bytes of the content, never by the name: a server may call anything `.png`. Signatures
 * as in the WHATWG MIME Sniffing Standard, and of others by their own; `text/plain` for UTF-8 without
 * control characters, `application/octet-stream` when nothing fits.
 */
export function mediaTypeOf(head: Uint8Array): string {
  const bytes = head.subarray(0, SNIFF_LENGTH);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image/webp';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WAVE') return 'audio/wav';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'AVI ') return 'video/x-msvideo';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  if (text.slice(4, 8) === 'ftyp') return BRANDS[text.slice(8, 12)] ?? 'video/mp4';
  // The document type of EBML stands in its header.
  if (text.startsWith('\x1aE\xdf\xa3')) return text.includes('matroska') ? 'video/x-matroska' : 'video/webm';
  if (text.startsWith('fLaC')) return 'audio/flac';
  if (text.startsWith('OggS')) return 'audio/ogg';
  if (text.startsWith('ID3') || isMpegAudioFrame(bytes)) return 'audio/mpeg';
  if (text.startsWith('glTF')) return 'model/gltf-binary';
  const picture = PICTURES.find(([signature]) => signature.test(text));
  if (picture !== undefined) return picture[1];
  return isText(bytes) ? 'text/plain' : 'application/octet-stream';
}

/** The sync word of MPEG audio, layer III (ISO 11172-3, 2.4.2.3). */
function isMpegAudioFrame([first, second]: Uint8Array): boolean {
  return first === 0xff && second !== undefined && (second & 0xe6) === 0xe2;
}

/** The head may end within a character. */
function isText(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.some((byte) => byte < 0x20 && ![0x09, 0x0a, 0x0c, 0x0d, 0x1b].includes(byte)))
    return false;
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
