import { ProgressV1, type Progress } from '@anime/contracts';
import type { PlacedProgress } from '../domain/viewing/outbox.js';

/** A progress message that many viewers get: it is serialized once. */
export class LiveProgress implements PlacedProgress {
  readonly #json: string;
  #cached: { readonly prev: number; readonly bytes: Buffer } | undefined;

  constructor(
    readonly seq: number,
    readonly data: Progress,
  ) {
    this.#json = JSON.stringify(data);
  }

  /** The message for a viewer that saw `prev` before. Nearly all viewers of a job saw the same, so the last answer is kept. */
  encode(created: number, prev: number, from: number | undefined): Buffer {
    if (from === undefined && this.#cached?.prev === prev) return this.#cached.bytes;
    const range = from === undefined ? '' : `"from":${from},"to":${this.seq},`;
    const place = `"seq":${this.seq},"prev":${prev},"token":"${created}:${this.seq}"`;
    const bytes = Buffer.from(`{"type":"progress",${place},${range}"data":${this.#json}}`);
    if (from === undefined) this.#cached = { prev, bytes };
    return bytes;
  }
}

/**
 * A stored message as progress of this job.
 * @returns the reason why it is none
 */
export function readProgress(
  jobId: string,
  message: { readonly seq: number; readonly type: string; readonly data: Uint8Array },
): LiveProgress | string {
  if (message.type !== ProgressV1.name) return `its type is ${message.type === '' ? 'missing' : message.type}`;
  let data: unknown;
  try {
    data = JSON.parse(
      Buffer.from(message.data.buffer, message.data.byteOffset, message.data.byteLength).toString('utf8'),
    );
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const parsed = ProgressV1.data.safeParse(data);
  if (!parsed.success) return parsed.error.message;
  return parsed.data.jobId === jobId
    ? new LiveProgress(message.seq, parsed.data)
    : `it is about job ${parsed.data.jobId}`;
}
