import type { NatsSource } from '@anime/messaging';
import { z } from 'zod';

/** A NATS connection, as the log of a service gives it. */
export type Connection = Awaited<ReturnType<NatsSource['connected']>>;

const TIMEOUT_MS = 3_000;
/** nats-server's error codes (server/errors.json). */
const NO_MESSAGE_FOUND = 10037;
const STREAM_NOT_FOUND = 10059;

/** JetStream refused a request. */
export class JetStreamRefusal extends Error {
  override readonly name = 'JetStreamRefusal';

  constructor(
    readonly code: number,
    description: string,
  ) {
    super(description);
  }

  get streamMissing(): boolean {
    return this.code === STREAM_NOT_FOUND;
  }
}

const Refused = z.object({
  error: z.object({ err_code: z.number().optional(), code: z.number(), description: z.string() }),
});

/**
 * One request of the JetStream wire API (subjects `$JS.API.…`, JSON both ways; nats-architecture-and-design, ADR-1). Every
 * answer is the stream leader's, so that what was stored before the request is in it.
 * @throws JetStreamRefusal; the client's errors when nobody answers
 */
export async function requestApi<S extends z.ZodType>(
  nc: Connection,
  subject: string,
  body: object,
  answer: S,
): Promise<z.infer<S>> {
  const reply = await nc.request(`$JS.API.${subject}`, JSON.stringify(body), { timeout: TIMEOUT_MS });
  const data: unknown = reply.json();
  const refused = Refused.safeParse(data);
  if (refused.success) {
    const { err_code: errCode, code, description } = refused.data.error;
    throw new JetStreamRefusal(errCode ?? code, description);
  }
  return answer.parse(data);
}

/** How a stream is now. */
export interface StreamBounds {
  /** ms since 1970: tells this stream from another one of the same name. */
  readonly created: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly maxPerSubject: number;
}

const Info = z.object({
  created: z.string(),
  config: z.object({ max_msgs_per_subject: z.number().default(-1) }),
  state: z.object({ first_seq: z.number(), last_seq: z.number() }),
});

export async function streamBounds(nc: Connection, stream: string): Promise<StreamBounds> {
  const { created, config, state } = await requestApi(nc, `STREAM.INFO.${stream}`, {}, Info);
  return {
    created: Date.parse(created),
    firstSeq: state.first_seq,
    lastSeq: state.last_seq,
    maxPerSubject: config.max_msgs_per_subject,
  };
}

/** A message as the stream holds it; `type` is its header `ce-type`, '' without one. */
export interface StreamMessage {
  readonly seq: number;
  readonly type: string;
  readonly data: Uint8Array;
}

const Got = z.object({
  message: z.object({ seq: z.number(), hdrs: z.string().optional(), data: z.string().optional() }),
});

/** The last message on a subject, or the first; undefined when there is none. */
export async function getMessage(
  nc: Connection,
  stream: string,
  subject: string,
  which: 'first' | 'last',
): Promise<StreamMessage | undefined> {
  const query = which === 'last' ? { last_by_subj: subject } : { seq: 1, next_by_subj: subject };
  try {
    const { message } = await requestApi(nc, `STREAM.MSG.GET.${stream}`, query, Got);
    const headers = Buffer.from(message.hdrs ?? '', 'base64').toString('utf8');
    const type = /^ce-type:[ \t]*(.*?)\r?$/m.exec(headers)?.[1] ?? '';
    return { seq: message.seq, type, data: Buffer.from(message.data ?? '', 'base64') };
  } catch (error) {
    if (error instanceof JetStreamRefusal && error.code === NO_MESSAGE_FOUND) return undefined;
    throw error;
  }
}
