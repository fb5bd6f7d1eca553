/** What a metric is, for people and for rules that compare its values. */
export interface MetricDefinition {
  /** Stable name; a change of the computation is a new `version`, never a new meaning of the old one. */
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly description: string;
  readonly unit: string;
  /** Least and greatest value that can occur; `max` is null where no greatest value is known in closed form. */
  readonly range: { readonly min: number; readonly max: number | null };
  /** Whether more is better within one comparison; null where that depends on the picture wanted. */
  readonly higherIsBetter: boolean | null;
  readonly method: string;
  /** The publication that defines it. */
  readonly source: string;
}

/** Every metric of this library, in the order in which scores list them. */
export const METRIC_CATALOGUE = [
  {
    id: 'sharpness',
    version: '1',
    title: 'Sharpness',
    description:
      'Variance of the Laplacian of the luma. Blur lowers it, noise and hatching raise it; drawn styles differ widely, ' +
      'so compare takes of one shot or a take with its reference, not pictures of different style.',
    unit: 'grey²',
    // The Laplacian lies in ±1020; the variance is greatest when half of it stands at each end.
    range: { min: 0, max: 1_040_400 },
    higherIsBetter: true,
    method: 'variance-of-laplacian',
    source:
      'J. L. Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR 2000',
  },
  {
    id: 'colourfulness',
    version: '1',
    title: 'Colourfulness',
    description:
      "Hasler–Süsstrunk M3 over the opponent colours of 8-bit sRGB. The authors' scale: 15 slightly, 33 moderately, " +
      '45 averagely, 59 quite, 82 highly, 109 extremely colourful; 0 is grey.',
    unit: '8-bit level',
    range: { min: 0, max: null },
    higherIsBetter: null,
    method: 'hasler-suesstrunk-m3',
    source: 'D. Hasler and S. Süsstrunk, "Measuring colourfulness in natural images", Proc. SPIE 5007, 2003',
  },
] as const satisfies readonly MetricDefinition[];

export type MetricId = (typeof METRIC_CATALOGUE)[number]['id'];
