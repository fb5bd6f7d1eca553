import { type JsMsg } from '@nats-io/jetstream';
import { MsgHdrsImpl } from '@nats-io/nats-core/internal';
import type { NatsConnection } from '@nats-io/transport-node';
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
    header: lazyHeader(() => (block === undefined ? undefined : MsgHdrsImpl.decode(block))),
    data: message.data === undefined ? new Uint8Array() : Buffer.from(message.data, 'base64'),
  };
}

/** A message that a consumer delivered. */
export function deliveredMessage(message: JsMsg): StoredMessage {
  return {
    position: message.seq,
    subject: message.subject,
    header: lazyHeader(() => message.headers),
    data: message.data,
  };
}

/** Parses headers when first asked, as parsing is where broken ones throw; of a repeated header the first value counts. */
function lazyHeader(parse: () => Iterable<[string, string[]]> | undefined): StoredMessage['header'] {
  let headers: Map<string, string | undefined> | undefined;
  return (name) => {
    if (headers === undefined) {
      const parsed = parse() ?? [];
      headers = new Map();
      // Not the client's `get`: it makes two arrays of all names at each call.
      for (const [key, values] of parsed) headers.set(key, values[0]);
    }
    return headers.get(name) || undefined;
  };
}
