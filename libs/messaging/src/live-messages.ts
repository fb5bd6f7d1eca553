import { ProgressV1, type MessageContract, type Progress } from '@anime/contracts';
import { messageOf, ProblemError } from '@anime/problem-details';
import { headers, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';

/** Versioned name of the message's contract; the same header as events use. */
const TYPE_HEADER = 'ce-type';

/** What a message of a contract carries. */
export type MessageData<C extends MessageContract> = C['data']['_zod']['output'];

/** Values for the `{placeholders}` of a contract's subject. */
export type SubjectParams = Readonly<Record<string, string>>;

/**
 * The subject of a message.
 * @throws Error when a placeholder has no value, or one that is not a single token
 */
export function messageSubject(contract: MessageContract, params: SubjectParams): string {
  return contract.subject.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (value === undefined || !/^[\w-]+$/.test(value))
      throw new Error(`${contract.name} needs ${name} as one token, not ${JSON.stringify(value)}`);
    return value;
  });
}

/** The subject that covers every message of a contract, or those with the given placeholders. */
export function messageFilter(contract: MessageContract, params: SubjectParams = {}): string {
  const all = contract.subject.replace(/\{(\w+)\}/g, (placeholder, name: string) =>
    params[name] === undefined ? '*' : placeholder,
  );
  return messageSubject({ ...contract, subject: all }, params);
}

/**
 * Sends a message that nobody may need: no answer is awaited and it may be lost. Goes into a stream when one listens on its subject.
 * @throws ProblemError `event-invalid` when the data breaks the contract; ClosedConnectionError when `nc` is closed
 */
export function publishLive<C extends MessageContract>(
  nc: NatsConnection,
  contract: C,
  params: SubjectParams,
  data: MessageData<C>,
): void {
  const parsed = contract.data.safeParse(data);
  if (!parsed.success)
    throw new ProblemError('event-invalid', `the data breaks ${contract.name}: ${parsed.error.message}`);
  const header = headers();
  header.set(TYPE_HEADER, contract.name);
  nc.publish(messageSubject(contract, params), JSON.stringify(parsed.data), { headers: header });
}

/** Sends how far a running attempt is, into ANIME_PROGRESS. */
export function publishProgress(nc: NatsConnection, progress: Progress): void {
  publishLive(nc, ProgressV1, { jobId: progress.jobId }, progress);
}

/**
 * Calls `handler` with the `{placeholders}` of each message on a contract's subject, whatever its content and version: that
 * one came is what counts. What it says comes with it where it is this contract's; undefined where it is not.
 */
export function subscribeSigns<C extends MessageContract>(
  nc: NatsConnection,
  contract: C,
  handler: (params: SubjectParams, data: MessageData<C> | undefined) => void,
): Pick<LiveSubscription, 'stop'> {
  const names = contract.subject.split('.');
  const subscription = nc.subscribe(messageFilter(contract), {
    callback: (error, message) => {
      if (error !== null) return;
      const tokens = message.subject.split('.');
      const params = names.flatMap((name, i) =>
        name.startsWith('{') ? [[name.slice(1, -1), tokens[i] ?? ''] as const] : [],
      );
      handler(Object.fromEntries(params), dataOf(message, contract));
    },
  });
  return { stop: () => subscription.unsubscribe() };
}

/** What a message says; undefined when it is of another version, or not what its contract says. */
function dataOf<C extends MessageContract>(message: Msg, contract: C): MessageData<C> | undefined {
  if (message.headers?.get(TYPE_HEADER) !== contract.name) return undefined;
  try {
    return contract.data.safeParse(JSON.parse(message.string())).data;
  } catch {
    return undefined;
  }
}

export interface LiveSubscription {
  /** Messages dropped since the start because they were not what their contract says. */
  readonly invalid: number;
  stop(): void;
}

export interface SubscribeOptions {
  /** Only messages with these placeholders; default all. */
  readonly params?: SubjectParams;
  /** Told why a message was dropped, or that the handler threw. */
  readonly onError?: (reason: string, subject: string) => void;
}

/**
 * Calls `handler` with each valid message of a contract, until stopped. What is invalid is counted and dropped: anybody
 * who may publish there could otherwise stop a service. Messages of other versions are not this contract's and are passed over.
 */
export function subscribeLive<C extends MessageContract>(
  nc: NatsConnection,
  contract: C,
  handler: (data: MessageData<C>, subject: string) => void,
  options: SubscribeOptions = {},
): LiveSubscription {
  let invalid = 0;
  const drop = (reason: string, subject: string): void => {
    invalid += 1;
    options.onError?.(reason, subject);
  };
  const subscription: Subscription = nc.subscribe(messageFilter(contract, options.params), {
    callback: (error, message) => {
      if (error !== null) return options.onError?.(error.message, messageFilter(contract, options.params));
      let data: unknown;
      try {
        const type = message.headers?.get(TYPE_HEADER) ?? '';
        if (type !== contract.name) {
          if (!isOtherVersion(type, contract.name))
            drop(`its type is ${type === '' ? 'missing' : type}`, message.subject);
          return;
        }
        data = JSON.parse(message.string());
      } catch (failure) {
        return drop(messageOf(failure), message.subject);
      }
      const parsed = contract.data.safeParse(data);
      if (!parsed.success) return drop(parsed.error.message, message.subject);
      try {
        handler(parsed.data, message.subject);
      } catch (failure) {
        options.onError?.(messageOf(failure), message.subject);
      }
    },
  });
  return {
    get invalid() {
      return invalid;
    },
    stop: () => subscription.unsubscribe(),
  };
}

function isOtherVersion(type: string, name: string): boolean {
  const kind = /^(.+)\.v\d+$/;
  return kind.exec(type)?.[1] === kind.exec(name)?.[1];
}
