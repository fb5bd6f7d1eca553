import { sha256Hex } from '../canonical-json.js';

/** A message as the log holds it, before anyone judged it. */
export interface StoredMessage {
  /** Place in the log. */
  readonly position: number;
  readonly subject: string;
  /** First value of a header, undefined when absent or empty. Throws when the header block cannot be read. */
  readonly header: (name: string) => string | undefined;
  readonly data: Uint8Array;
}

/** The header by which JetStream recognises repeats; always equal to `ce-id`. */
export const MSG_ID_HEADER = 'Nats-Msg-Id';

/** An id as our events have them, and whatever else a database can hold and compare. */
const PLAIN_ID = /^[\x21-\x7e]{1,100}$/;

/**
 * What a checkpoint remembers of a message: `ce-id`, else `Nats-Msg-Id`, else ''. Of garbage its SHA-256, as a database
 * takes not every text. Never throws.
 */
export function checkpointId(message: StoredMessage): string {
  let id: string;
  try {
    id = message.header('ce-id') ?? message.header(MSG_ID_HEADER) ?? '';
  } catch {
    return '';
  }
  return id === '' || PLAIN_ID.test(id) ? id : `sha256:${sha256Hex(id)}`;
}
