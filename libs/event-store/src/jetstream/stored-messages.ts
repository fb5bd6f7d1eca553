import { type JsMsg } from '@nats-io/jetstream';
import type { MsgImpl } from '@nats-io/nats-core/internal';
import type { NatsConnection } from '@nats-io/transport-node';
import { readHeaders } from '../codec/header-block.js';
import type { StoredMessage } from '../codec/stored-message.js';
import { logProblem, refused, unavailable } from './log-faults.js';
import type { NatsLink } from './nats-link.js';

/** Which one message: by place, the last on a filter, or the first at or behind a place on a filter. */
export type MessageQuery =
  | { readonly seq: number }
  | { readonly last_by_subj: string }
  | { readonly seq: number; readonly next_by_subj: string };

interface GetResponse {
  readonly error?: { readonly code: number; readonly err_code: number; readonly description: string };
  readonly message?: { readonly subject: string; readonly seq: number; readonly hdrs?: string; readonly data?: string };
}

const NO_MESSAGE_FOUND = 10037;
const REQUEST_TIMEOUT_MS = 4_000;

/**
 * Reads one message through `STREAM.MSG.GET`, which wraps it in JSON. Direct get is not used: it answers with the stored
 * headers, and headers that the client cannot parse (anyone may store them) end its read loop for the whole connection.
 * @returns undefined when there is no such message
 * @throws ProblemError `log-unavailable`, also when there is no such stream: naming the repair, after which it works
 */
export async function getMessage(
  nc: NatsConnection,
  link: NatsLink,
  stream: string,
  query: MessageQuery,
): Promise<StoredMessage | undefined> {
  let response: GetResponse;
  try {
    const request = nc.request(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(query), {
      timeout: REQUEST_TIMEOUT_MS,
    });
    const reply = await link.whileUp(request);
    response = reply.json<GetResponse>();
  } catch (error) {
    throw logProblem(error, 'reading the log');
  }
  const { error, message } = response;
  if (error?.err_code === NO_MESSAGE_FOUND) return undefined;
  if (error !== undefined) throw refused(`reading ${stream}`, error.err_code, error.description);
  if (message === undefined) throw unavailable(`reading ${stream}: JetStream gave no answer`);
  const block = message.hdrs === undefined ? undefined : Buffer.from(message.hdrs, 'base64');
  return {
    position: message.seq,
    subject: message.subject,
    header: lazyHeader(() => block),
    data: message.data === undefined ? new Uint8Array() : Buffer.from(message.data, 'base64'),
  };
}

/** A message that a consumer delivered. */
export function deliveredMessage(message: JsMsg): StoredMessage {
  return {
    position: message.seq,
    subject: message.subject,
    header: lazyHeader(() => blockOf(message)),
    data: message.data,
  };
}

/** The bytes of a message's headers, which the client has and only gives when it has parsed them. */
function blockOf(message: JsMsg): Uint8Array | undefined {
  // The client's own class behind the interface.
  const { msg } = message as JsMsg & { readonly msg: MsgImpl };
  return msg._msg.hdr > -1 ? msg._rdata.subarray(0, msg._msg.hdr) : undefined;
}

/** Parses headers when first asked, as parsing is where broken ones throw. */
function lazyHeader(block: () => Uint8Array | undefined): StoredMessage['header'] {
  let headers: ReadonlyMap<string, string> | undefined;
  return (name) => {
    if (headers === undefined) {
      const bytes = block();
      headers = bytes === undefined ? new Map() : readHeaders(bytes);
    }
    return headers.get(name) || undefined;
  };
}
