/**
 * Lays RGBA pixels (straight alpha, 8 bits) on white and packs them to RGB, in place; returns the RGB part.
 *
 * Equals Pillow's `Image.new('RGBA', size, 'white').paste(image, mask=image)`: per channel t = c·a + 255·(255 − a) + 128,
 * result (t + (t >> 8)) >> 8, which is the rounded quotient by 255.
 */
export function layOnWhite(rgba: Uint8Array): Uint8Array {
  let write = 0;
  // The write position never overtakes the read position, so the array can hold source and result at once.
  for (let read = 0; read < rgba.length; read += 4) {
    const alpha = rgba[read + 3] ?? 0;
    const white = 255 * (255 - alpha) + 128;
    for (let channel = 0; channel < 3; channel += 1) {
      const sum = (rgba[read + channel] ?? 0) * alpha + white;
      rgba[write] = (sum + (sum >> 8)) >> 8;
      write += 1;
    }
  }
  return rgba.subarray(0, write);
}
