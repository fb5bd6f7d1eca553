/**
 * Slow, plain implementation of the two metrics straight from their definitions, kept apart from the library's code:
 * pixel by pixel, ordinary floating point, two-pass variance.
 */
export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

export function referenceSharpness(picture: RgbPicture): number {
  const { width, height } = picture;
  const laplacian: number[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      laplacian.push(
        luma(picture, x, y - 1) +
          luma(picture, x - 1, y) +
          luma(picture, x + 1, y) +
          luma(picture, x, y + 1) -
          4 * luma(picture, x, y),
      );
    }
  }
  return variance(laplacian);
}

export function referenceColourfulness({ rgb }: RgbPicture): number {
  const rg: number[] = [];
  const yb: number[] = [];
  for (let i = 0; i < rgb.length; i += 3) {
    const [r, g, b] = [rgb[i] ?? NaN, rgb[i + 1] ?? NaN, rgb[i + 2] ?? NaN];
    rg.push(r - g);
    yb.push(0.5 * (r + g) - b);
  }
  return Math.sqrt(variance(rg) + variance(yb)) + 0.3 * Math.sqrt(mean(rg) ** 2 + mean(yb) ** 2);
}

function luma({ rgb, width, height }: RgbPicture, x: number, y: number): number {
  const at = (reflect(y, height) * width + reflect(x, width)) * 3;
  const [r, g, b] = [rgb[at] ?? NaN, rgb[at + 1] ?? NaN, rgb[at + 2] ?? NaN];
  return (r * 9798 + g * 19235 + b * 3735 + 16384) >> 15;
}

/** OpenCV's BORDER_REFLECT_101 (gfedcb|abcdefgh|gfedcba), whose length-1 case is the one element. */
function reflect(i: number, length: number): number {
  if (length === 1) return 0;
  let index = i;
  while (index < 0 || index >= length) index = index < 0 ? -index : 2 * length - 2 - index;
  return index;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function variance(values: readonly number[]): number {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
}
