import { createHash } from 'node:crypto';
import { InferenceSession, Tensor } from 'onnxruntime-node';

import { buildClassicalGraph, MOMENT_NAMES, type MomentName } from './classical-graph.js';
import { ExactMoments } from './exact-moments.js';

/**
 * Pixels of one run of the graph (never less than one row). The float64 planes of a band then stay in the processor's
 * cache, memory does not grow with the picture, and the event loop is held for about a millisecond at a time: the runtime
 * computes on the calling thread.
 */
const BAND_PIXELS = 64 * 1024;

const RGB_BYTES = 3;

export interface RgbImage {
  readonly width: number;
  readonly height: number;
  /** height × width × 3 bytes, rows from the top. */
  readonly rgb: Uint8Array;
}

/** The classical graph loaded into ONNX Runtime. One session serves any number of pictures at once. */
export class ClassicalSession {
  /** SHA-256 of the model's bytes, lower-case hex: names the computation. */
  readonly graphSha256: string;
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession, graphSha256: string) {
    this.#session = session;
    this.graphSha256 = graphSha256;
  }

  static async create(threads: number): Promise<ClassicalSession> {
    const model = buildClassicalGraph();
    const session = await InferenceSession.create(model, {
      executionProviders: ['cpu'],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // A memory plan is kept for every input size ever seen; sizes are the users' choice, so that would be a leak.
      enableMemPattern: false,
    });
    return new ClassicalSession(session, createHash('sha256').update(model).digest('hex'));
  }

  /** Runs the graph over every pixel, a band of rows at a time, and adds the bands up. */
  async measure(image: RgbImage): Promise<Readonly<Record<MomentName, bigint>>> {
    const moments = new ExactMoments(MOMENT_NAMES);
    const { width, height } = image;
    const rowsPerBand = Math.max(1, Math.floor(BAND_PIXELS / width));
    for (let top = 0; top < height; top += rowsPerBand) {
      const bottom = Math.min(height, top + rowsPerBand);
      const sums = await this.#session.run({
        above: rowsTensor(image, reflect101(top - 1, height), 1),
        rows: rowsTensor(image, top, bottom - top),
        below: rowsTensor(image, reflect101(bottom, height), 1),
      });
      for (const name of MOMENT_NAMES) moments.add(name, scalarOf(sums[name]));
    }
    return moments.totals();
  }

  release(): Promise<void> {
    return this.#session.release();
  }
}

/** A view of the picture's own bytes; nothing is copied. */
function rowsTensor({ rgb, width }: RgbImage, first: number, count: number): Tensor {
  const stride = width * RGB_BYTES;
  return new Tensor('uint8', rgb.subarray(first * stride, (first + count) * stride), [count, width, RGB_BYTES]);
}

/** Row index beyond the edge by one, reflected without repeating the edge row; OpenCV's BORDER_REFLECT_101. */
function reflect101(row: number, height: number): number {
  if (height === 1) return 0;
  if (row < 0) return -row;
  return row >= height ? 2 * height - 2 - row : row;
}

/** The one number of a scalar tensor; NaN, which no sum accepts, when there is none. */
function scalarOf(tensor: Tensor | undefined): number {
  const value = tensor?.data[0];
  return typeof value === 'number' ? value : NaN;
}
