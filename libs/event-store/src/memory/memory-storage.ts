import type { StoredMessage } from '../codec/stored-message.js';

/** A message put into the log as it is, past every check. */
export interface RawMessage {
  readonly subject: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly data?: Uint8Array | string;
}

/** What the twins of one log share. */
export interface Storage {
  readonly messages: StoredMessage[];
  /** Position of each `Nats-Msg-Id`. */
  readonly ids: Map<string, number>;
  readonly wakers: Set<() => void>;
  /** Raised when messages were taken away, so that no reader keeps terms that are gone. */
  generation: number;
}

/** Whether a subject is the filter, or lies below a filter that ends in `.>`. */
export function matches(subject: string, filter: string): boolean {
  return filter.endsWith('.>')
    ? subject.startsWith(filter.slice(0, -1)) && subject.length > filter.length - 1
    : subject === filter;
}
