import { ENVELOPE_HEADERS, PROGRESS_ROOT } from '@anime/contracts';
import type { JsMsg, StoredMsg } from '@nats-io/jetstream';

/** A message of the progress stream, not judged yet: anyone who may publish there may have sent it. */
export class ProgressMessage {
  readonly seq: number;
  readonly #source: JsMsg | StoredMsg;

  constructor(source: JsMsg | StoredMsg) {
    this.seq = source.seq;
    this.#source = source;
  }

  get subject(): string {
    return this.#source.subject;
  }

  /** The job that its subject names. */
  get jobId(): string {
    return this.subject.slice(PROGRESS_ROOT.length + 1);
  }

  /** Versioned name of its contract; '' when the message has none. Headers are parsed when they are asked for, and broken ones throw then. */
  get type(): string {
    try {
      const headers = 'header' in this.#source ? this.#source.header : this.#source.headers;
      return headers?.get(ENVELOPE_HEADERS.type) ?? '';
    } catch {
      return '';
    }
  }

  get data(): Uint8Array {
    return this.#source.data;
  }
}
