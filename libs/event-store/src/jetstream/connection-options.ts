import type { ConnectionOptions } from '@nats-io/transport-node';

export interface NatsLinkOptions {
  /** One or more addresses, separated by commas; user and password may be part of the first. */
  readonly natsUrl: string;
  /** Shown by the server's monitoring. */
  readonly name: string;
  readonly credentials?: NatsCredentials | undefined;
}

export interface NatsCredentials {
  readonly user: string;
  readonly pass: string;
}

/** How every connection of the product behaves: reconnects for ever, notices a silent peer within 30 s. */
export function connectionOptions(options: NatsLinkOptions): ConnectionOptions {
  const servers = options.natsUrl.split(',').map((address) => address.trim());
  const login = loginOf(options);
  return {
    servers: servers.map((address) => address.replace(/^(\w+:\/\/)[^@/]*@/, '$1')),
    name: options.name,
    ...login,
    ...(login === undefined ? {} : { inboxPrefix: inboxPrefix(login.user) }),
    timeout: 5_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: 10_000,
    maxPingOut: 2,
    // Else each request makes two errors in advance, only for their stacks: a fifteenth of the gateway's time under load.
    noAsyncTraces: true,
    // A user that the server does not know yet may be known after its next reload.
    ignoreAuthErrorAbort: true,
  };
}

/**
 * Where the answers to a user come: below a prefix of its own, so that no other may read them. A user name that is not one
 * token of a subject shares the common prefix.
 */
export function inboxPrefix(user: string): string {
  return /^[\w-]+$/.test(user) ? `_INBOX.${user}` : '_INBOX';
}

/** User and password: those given, else those of the first address. */
export function loginOf({
  natsUrl,
  credentials,
}: Pick<NatsLinkOptions, 'natsUrl' | 'credentials'>): NatsCredentials | undefined {
  if (credentials !== undefined) return credentials;
  const match = /^\s*\w+:\/\/([^:@/,]+):([^@/,]*)@/.exec(natsUrl);
  const [, user, pass] = match ?? [];
  return user === undefined || pass === undefined
    ? undefined
    : { user: decodeURIComponent(user), pass: decodeURIComponent(pass) };
}
