import type { RecordedEvent } from './event.js';

/**
 * What one message of the stream is to a reader. Only `event` has effect; all others are skipped and counted, except
 * `newer`, at which a reader that has the type in its own table must pause (law 8).
 */
export type LogEntry =
  | { readonly status: 'event'; readonly position: number; readonly event: RecordedEvent }
  /** Fails the envelope or the schema of a known version, or its producer is not the subject's. */
  | {
      readonly status: 'void';
      readonly position: number;
      readonly subject: string;
      readonly reason: string;
      /** Bytes of its data. */
      readonly size: number;
    }
  /** A type without a contract here. */
  | {
      readonly status: 'unknown';
      readonly position: number;
      readonly subject: string;
      readonly name: string;
      readonly eventId: string;
    }
  /** A newer version of a known type. */
  | {
      readonly status: 'newer';
      readonly position: number;
      readonly subject: string;
      readonly name: string;
      readonly type: string;
      readonly eventId: string;
    }
  /** A decision of a term that had already ended when it was stored. */
  | { readonly status: 'fenced'; readonly position: number; readonly event: RecordedEvent; readonly term: number };

/** The id by which a checkpoint knows an entry; undefined of what is void, as its message may have none. */
export function entryId(entry: LogEntry): string | undefined {
  switch (entry.status) {
    case 'event':
    case 'fenced':
      return entry.event.id;
    case 'unknown':
    case 'newer':
      return entry.eventId;
    case 'void':
      return undefined;
  }
}
