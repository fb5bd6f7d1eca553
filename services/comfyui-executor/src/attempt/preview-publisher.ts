import { setTimeout as delay } from 'node:timers/promises';
import type { OnPreview, Preview as ServerPreview } from '@anime/comfyui-client';
import type { Preview } from '@anime/contracts';

export interface PreviewPublisherOptions {
  readonly jobId: string;
  readonly attempt: number;
  /** Sends and forgets. */
  readonly publish: (preview: Preview) => void;
  /** Aborts when viewers are to see nothing more of the attempt. */
  readonly signal: AbortSignal;
}

const INTERVAL_MS = 1_000;
/** Of the picture in bytes; in base64, 256 KiB. A message of NATS may have 1 MiB. */
export const LARGEST_PREVIEW = 192 * 1024;

/**
 * Sends viewers the newest picture of an attempt, at most one in a second. Whoever follows the prompt hands on the next picture
 * when the one before has been dealt with: so a second of waiting here is all that it takes.
 */
export class PreviewPublisher implements Disposable {
  readonly #options: PreviewPublisherOptions;
  readonly #ended = new AbortController();

  constructor(options: PreviewPublisherOptions) {
    this.#options = options;
  }

  readonly onPreview: OnPreview = async ({ mediaType, bytes }: ServerPreview) => {
    const { jobId, attempt, publish } = this.#options;
    const signal = AbortSignal.any([this.#options.signal, this.#ended.signal]);
    if (signal.aborted || bytes.length === 0 || bytes.length > LARGEST_PREVIEW) return;
    const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
    publish({ jobId, attempt, mediaType, image, at: new Date().toISOString() });
    await delay(INTERVAL_MS, undefined, { signal });
  };

  /** The picture that waits for its second is not sent any more. */
  [Symbol.dispose](): void {
    this.#ended.abort();
  }
}
