export { decodePicture, MAX_PIXELS, MAX_SIDE } from './decode/decode-picture.js';
export type { DecodedPicture, Frame } from './decode/decode-picture.js';
export { PictureError } from './decode/picture-error.js';
export type { PictureErrorCode } from './decode/picture-error.js';
export type { PictureFormat } from './decode/picture-format.js';
export { createScorer, ScorerClosedError } from './metrics/classical-scorer.js';
export type { ClassicalScorer, ScorerOptions } from './metrics/classical-scorer.js';
export { METRIC_CATALOGUE } from './metrics/metric-catalogue.js';
export type { MetricDefinition, MetricId } from './metrics/metric-catalogue.js';
export { unavailableMetrics } from './metrics/metric-score.js';
export type {
  FrameEvidence,
  MeasuredMetric,
  MetricScore,
  PictureScores,
  UnavailableMetric,
} from './metrics/metric-score.js';
