export type PictureFormat = 'png' | 'jpeg' | 'webp';

const SIGNATURES: readonly {
  readonly format: PictureFormat;
  readonly at: number;
  readonly bytes: readonly number[];
}[] = [
  { format: 'png', at: 0, bytes: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] },
  { format: 'jpeg', at: 0, bytes: [0xff, 0xd8, 0xff] },
  // "WEBP" in a RIFF container.
  { format: 'webp', at: 8, bytes: [0x57, 0x45, 0x42, 0x50] },
];

/**
 * Tells the format from the first bytes of a file, undefined when it is none of ours. Names and media types are not
 * trusted; and what is not a picture of these formats never reaches the decoder, which would also read SVG and PDF.
 */
export function sniffPictureFormat(bytes: Uint8Array): PictureFormat | undefined {
  return SIGNATURES.find((signature) => signature.bytes.every((byte, i) => bytes[signature.at + i] === byte))?.format;
}
