import type { Preview } from '@anime/contracts';
import type { ShownPreview } from '../domain/viewing/outbox.js';
import { tokenOf } from '../domain/viewing/resume.js';

/** A picture that many viewers get: it is serialized once. */
export class LivePreview implements ShownPreview {
  readonly #json: string;
  #cached: { readonly token: string; readonly bytes: Buffer } | undefined;

  constructor(readonly data: Preview) {
    this.#json = JSON.stringify(data);
  }

  /** The message for a viewer that was sent all up to `seq`. Nearly all viewers of a job were sent the same, so the last answer is kept. */
  encode(created: number, seq: number): Buffer {
    const token = tokenOf({ created, seq });
    if (this.#cached?.token === token) return this.#cached.bytes;
    const bytes = Buffer.from(`{"type":"preview","seq":${seq},"prev":${seq},"token":"${token}","data":${this.#json}}`);
    this.#cached = { token, bytes };
    return bytes;
  }
}
