/** How many bytes of a file `mediaTypeOf` looks at. */
export const SNIFF_LENGTH = 16;

/**
 * The media type by the first bytes of the content, never by the name: a server may call anything `.png`. Signatures
 * as in the WHATWG MIME Sniffing Standard; `application/octet-stream` when none fits.
 */
export function mediaTypeOf(head: Uint8Array): string {
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.byteLength, SNIFF_LENGTH)).toString('latin1');
  if (text.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (text.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image/webp';
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WAVE') return 'audio/wav';
  if (text.startsWith('GIF87a') || text.startsWith('GIF89a')) return 'image/gif';
  if (text.slice(4, 8) === 'ftyp') return text.slice(8, 12) === 'avif' ? 'image/avif' : 'video/mp4';
  if (text.startsWith('\x1aE\xdf\xa3')) return 'video/webm';
  if (text.startsWith('fLaC')) return 'audio/flac';
  if (text.startsWith('OggS')) return 'audio/ogg';
  if (text.startsWith('ID3')) return 'audio/mpeg';
  return 'application/octet-stream';
}
