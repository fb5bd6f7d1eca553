import { decodePicture } from '../decode/decode-picture.js';
import { ClassicalSession } from '../graphs/classical-session.js';
import { colourfulness, sharpness, type ClassicalMoments } from './classical-metrics.js';
import { FrameSeries } from './frame-series.js';
import { METRIC_CATALOGUE, type MetricId } from './metric-catalogue.js';
import type { PictureScores } from './metric-score.js';

const FORMULAS: Readonly<Record<MetricId, (pixels: number, moments: ClassicalMoments) => number>> = {
  sharpness,
  colourfulness,
};

export interface ScorerOptions {
  /** Threads that one run of the graph may use; 1 by default, which is best where several processes share the machine. */
  readonly threads?: number;
  /** Told how long each metric of a picture took, in seconds, without decoding. Metrics that share a run of the graph count it each. */
  readonly onMetric?: (metric: MetricId, seconds: number) => void;
}

/** Scores pictures with one shared ONNX Runtime session; any number of calls may be under way at once. */
export interface ClassicalScorer extends AsyncDisposable {
  /** SHA-256 of the graph's bytes, lower-case hex. */
  readonly graphSha256: string;
  /**
   * Scores a still picture or an animation (PNG, JPEG, WebP; told apart by its bytes) from every pixel of every frame.
   * Memory: the file, one decoded frame (or 32 MiB of frames), and a few MiB for the graph.
   * @throws {PictureError} when the bytes cannot be decoded; not worth a retry.
   * @throws {ScorerClosedError} after `close()`.
   */
  scorePicture(bytes: Uint8Array): Promise<PictureScores>;
  /** Refuses new pictures, waits for those under way, frees the session. May be called twice. */
  close(): Promise<void>;
}

/** The scorer is shutting down; another one can score the picture. */
export class ScorerClosedError extends Error {
  override readonly name = 'ScorerClosedError';
  readonly code = 'scorer-closed';
  readonly status = 503;
  readonly retryable = true;

  constructor() {
    super('The scorer is closed.');
  }
}

/** Builds the graph, loads it into ONNX Runtime and gives the scorer. */
export async function createScorer(options: ScorerOptions = {}): Promise<ClassicalScorer> {
  const threads = options.threads ?? 1;
  if (!Number.isInteger(threads) || threads < 1)
    throw new RangeError(`threads must be a whole number from 1: ${threads}`);
  return new OnnxClassicalScorer(await ClassicalSession.create(threads), options.onMetric);
}

class OnnxClassicalScorer implements ClassicalScorer {
  readonly #session: ClassicalSession;
  readonly #onMetric: ScorerOptions['onMetric'];
  readonly #underWay = new Set<Promise<PictureScores>>();
  #closing: Promise<void> | undefined;

  constructor(session: ClassicalSession, onMetric: ScorerOptions['onMetric']) {
    this.#session = session;
    this.#onMetric = onMetric;
  }

  get graphSha256(): string {
    return this.#session.graphSha256;
  }

  async scorePicture(bytes: Uint8Array): Promise<PictureScores> {
    if (this.#closing !== undefined) throw new ScorerClosedError();
    const scores = this.#score(bytes);
    this.#underWay.add(scores);
    try {
      return await scores;
    } finally {
      this.#underWay.delete(scores);
    }
  }

  close(): Promise<void> {
    this.#closing ??= Promise.allSettled(this.#underWay).then(() => this.#session.release());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #score(bytes: Uint8Array): Promise<PictureScores> {
    const picture = await decodePicture(bytes);
    const series = METRIC_CATALOGUE.map((definition) => ({ definition, values: new FrameSeries(), ms: 0 }));
    for await (const frame of picture.frames()) {
      const began = performance.now();
      const moments = await this.#session.measure(frame);
      const shared = performance.now() - began;
      for (const one of series) {
        const formulaBegan = performance.now();
        one.values.add(FORMULAS[one.definition.id](frame.width * frame.height, moments));
        one.ms += shared + performance.now() - formulaBegan;
      }
    }
    for (const { definition, ms } of series) this.#onMetric?.(definition.id, ms / 1_000);
    return {
      format: picture.format,
      width: picture.width,
      height: picture.height,
      frames: picture.pages,
      metrics: series.map(({ definition: { id, version, unit, method }, values }) => ({
        id,
        version,
        status: 'measured',
        value: values.mean(),
        unit,
        method,
        ...(picture.pages === 1 ? {} : { evidence: values.evidence() }),
      })),
      graphSha256: this.#session.graphSha256,
    };
  }
}
