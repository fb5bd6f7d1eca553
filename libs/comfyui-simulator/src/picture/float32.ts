/**
 * Pictures travel as bytes here. On a server they are float32 from 0 to 1 and become bytes only in a file, where
 * `np.clip(255. * x, 0, 255).astype(np.uint8)` cuts off what a rounding would have kept: 255 - v comes out one too low
 * for most v.
 */

/** Each byte as the float32 that a loader makes of it. */
export const FROM_BYTE: Readonly<Float32Array> = Float32Array.from({ length: 256 }, (_, byte) => byte / 255);

/** The byte that a file has for a value, which may lie outside of 0 to 1. */
export function toByte(value: number): number {
  return Math.trunc(Math.min(255, Math.max(0, Math.fround(255 * Math.fround(value)))));
}

/** The byte of `1 - x` for each byte. */
const INVERTED = Uint8Array.from(FROM_BYTE, (value) => toByte(1 - value));

export function inverted(bytes: Buffer): Buffer {
  return Buffer.from(bytes.map((byte) => INVERTED[byte] ?? 0));
}

/** @param share of `b`, 0 to 1 */
export function mix(a: Buffer, b: Buffer, share: number): Buffer {
  const [ofA, ofB] = [scaled(1 - share), scaled(share)];
  return Buffer.from(a.map((byte, at) => toByte((ofA[byte] ?? 0) + (ofB[b[at] ?? 0] ?? 0))));
}

/** `b` where the mask is 255, `a` where it is 0; three bytes to one of the mask. */
export function mixByMask(a: Buffer, b: Buffer, mask: Buffer): Buffer {
  const mixed = Buffer.alloc(a.length);
  for (let at = 0; at < a.length; at += 1) {
    const share = fromByte(mask[Math.floor(at / 3)]);
    const ofA = Math.fround(fromByte(a[at]) * Math.fround(1 - share));
    mixed[at] = toByte(ofA + Math.fround(fromByte(b[at]) * share));
  }
  return mixed;
}

/** The mean of pictures of one size: summed up, then divided. */
export function mean(pictures: readonly Buffer[]): Buffer {
  const sums = new Float32Array(pictures[0]?.length ?? 0);
  for (const picture of pictures)
    for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] ?? 0) + fromByte(picture[at]);
  return Buffer.from(Uint8Array.from(sums, (sum) => toByte(sum / pictures.length)));
}

const fromByte = (byte: number | undefined): number => FROM_BYTE[byte ?? 0] ?? 0;

const scaled = (factor: number): Float32Array => {
  const exact = Math.fround(factor);
  return FROM_BYTE.map((value) => value * exact);
};
