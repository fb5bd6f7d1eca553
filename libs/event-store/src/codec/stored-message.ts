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

/** What a checkpoint remembers of a message: `ce-id`, else `Nats-Msg-Id`, else ''. Never throws. */
export function checkpointId(message: StoredMessage): string {
  try {
    return message.header('ce-id') ?? message.header(MSG_ID_HEADER) ?? '';
  } catch {
    return '';
  }
}
