import type { PictureFormat } from '../decode/picture-format.js';
import { METRIC_CATALOGUE, type MetricId } from './metric-catalogue.js';

/** How a metric's value spreads over the frames of an animation; frames count from 0, the first of equal ones is named. */
export interface FrameEvidence {
  readonly frames: number;
  readonly min: number;
  readonly minFrame: number;
  readonly max: number;
  readonly maxFrame: number;
}

export interface MeasuredMetric {
  readonly id: MetricId;
  readonly version: string;
  readonly status: 'measured';
  /** In `unit`. Of an animation: the mean over its frames, each counted once whatever its duration. */
  readonly value: number;
  readonly unit: string;
  readonly method: string;
  /** Only for animations. */
  readonly evidence?: FrameEvidence;
}

export interface UnavailableMetric {
  readonly id: MetricId;
  readonly version: string;
  readonly status: 'unavailable';
  /** Why it could not be measured, for people. */
  readonly reason: string;
  /** What would make it available, where something would. */
  readonly remedy?: string;
}

export type MetricScore = MeasuredMetric | UnavailableMetric;

/** The scores of one file. */
export interface PictureScores {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
  /** 1 for a still picture. */
  readonly frames: number;
  /** One entry for each metric of the catalogue, in its order. */
  readonly metrics: readonly MetricScore[];
  /** SHA-256 of the ONNX graph that computed the classical metrics, lower-case hex. */
  readonly graphSha256: string;
}

/** Every metric of the catalogue as unavailable for one reason: for a file that cannot be decoded, say. */
export function unavailableMetrics(reason: string, remedy?: string): UnavailableMetric[] {
  return METRIC_CATALOGUE.map(({ id, version }) => ({
    id,
    version,
    status: 'unavailable',
    reason,
    ...(remedy === undefined ? {} : { remedy }),
  }));
}
