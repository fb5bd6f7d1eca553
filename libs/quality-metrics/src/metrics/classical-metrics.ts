import type { MomentName } from '../graphs/classical-graph.js';

export type ClassicalMoments = Readonly<Record<MomentName, bigint>>;

/**
 * Sharpness: population variance of the luma's Laplacian, in squared grey levels (0..1040400).
 * Luma is OpenCV's integer BT.601, kernel 0 1 0 / 1 −4 1 / 0 1 0, border REFLECT_101: the figure of
 * `cv2.Laplacian(gray, cv2.CV_64F).var()`. Source: J. L. Pech-Pacheco et al., ICPR 2000.
 */
export function sharpness(pixels: number, moments: ClassicalMoments): number {
  return populationVariance(pixels, moments.laplacian_sum, moments.laplacian_square_sum);
}

/**
 * Colourfulness M3 = √(σ²rg + σ²yb) + 0.3·√(μ²rg + μ²yb), rg = R − G, yb = ½(R + G) − B, in 8-bit levels, population σ.
 * Source: D. Hasler and S. Süsstrunk, "Measuring colourfulness in natural images", SPIE 5007, 2003.
 */
export function colourfulness(pixels: number, moments: ClassicalMoments): number {
  const varianceRg = populationVariance(pixels, moments.rg_sum, moments.rg_square_sum);
  // The graph sums 2·yb to stay with integers: half of its mean, a quarter of its variance.
  const varianceYb = populationVariance(pixels, moments.yb2_sum, moments.yb2_square_sum) / 4;
  const meanRg = Number(moments.rg_sum) / pixels;
  const meanYb = Number(moments.yb2_sum) / pixels / 2;
  return Math.sqrt(varianceRg + varianceYb) + 0.3 * Math.sqrt(meanRg * meanRg + meanYb * meanYb);
}

/**
 * Population variance of n integers from Σx and Σx²: (n·Σx² − (Σx)²) / n².
 * The numerator is exact, so nothing cancels; the result is right to the last bits of a float64.
 */
function populationVariance(count: number, sum: bigint, squareSum: bigint): number {
  return Number(BigInt(count) * squareSum - sum * sum) / (count * count);
}
