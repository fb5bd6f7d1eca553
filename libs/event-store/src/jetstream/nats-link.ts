import { ProblemError } from '@anime/problem-details';
import { connect, type ConnectionOptions, type NatsConnection } from '@nats-io/transport-node';

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

export interface LinkState {
  readonly connected: boolean;
  /** Why not, when not connected. */
  readonly reason: string | null;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 1_000;

/** A NATS connection that is opened in the background and for ever opened again. */
export class NatsLink {
  readonly #options: NatsLinkOptions;
  readonly #closing = new AbortController();
  #connection: NatsConnection | undefined;
  #state: LinkState = { connected: false, reason: 'not connected yet' };
  #up = deferred<NatsConnection>();
  readonly #lostListeners = new Set<() => void>();
  readonly #everyLoss: (() => void)[] = [];
  readonly #running: Promise<void>;

  constructor(options: NatsLinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The connection once it is up; waits for ever, rejects `log-unavailable` when the link is closed. */
  connected(): Promise<NatsConnection> {
    return this.#up.promise;
  }

  /** Calls `listener` once when the connection goes down; the answer takes the listener away again. */
  onLost(listener: () => void): () => void {
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Calls `listener` each time the connection goes down. */
  onEveryLoss(listener: () => void): void {
    this.#everyLoss.push(listener);
  }

  /**
   * The connection, waiting for it no longer than `graceMs`.
   * @throws ProblemError `log-unavailable` with the reason
   */
  async within(graceMs: number): Promise<NatsConnection> {
    if (this.#state.connected && this.#connection !== undefined) return this.#connection;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), graceMs);
    });
    try {
      const connection = await Promise.race([this.#up.promise, late]);
      if (connection === undefined) throw unavailable(`NATS is not connected: ${this.#state.reason ?? 'lost just now'}`);
      return connection;
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#connection?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let wait = FIRST_RETRY_MS;
    while (!this.#closing.signal.aborted) {
      try {
        const connection = await connect(connectionOptions(this.#options));
        wait = FIRST_RETRY_MS;
        await this.#use(connection);
      } catch (error) {
        this.#setDown(messageOf(error));
      }
      await pause(wait, this.#closing.signal);
      wait = Math.min(wait * 2, LAST_RETRY_MS);
    }
    this.#setDown('closed');
    // A waiter that nobody awaits any more must not become an unhandled rejection.
    this.#up.promise.catch(() => undefined);
    this.#up.reject(unavailable('the log was closed'));
  }

  /** Follows one client connection, which reconnects by itself, until it is closed for good. */
  async #use(connection: NatsConnection): Promise<void> {
    this.#connection = connection;
    if (this.#closing.signal.aborted) return connection.close();
    this.#setUp(connection);
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') this.#setDown(`disconnected from ${status.server}`);
      else if (status.type === 'reconnect') this.#setUp(connection);
      else if (status.type === 'error' && !this.#state.connected) this.#setDown(status.error.message);
    }
    const error = await connection.closed();
    this.#connection = undefined;
    this.#setDown(error === undefined ? 'closed' : messageOf(error));
  }

  #setUp(connection: NatsConnection): void {
    this.#state = { connected: true, reason: null };
    this.#up.resolve(connection);
  }

  #setDown(reason: string): void {
    if (this.#state.connected) {
      this.#up = deferred();
      this.#state = { connected: false, reason };
      const listeners = [...this.#everyLoss, ...this.#lostListeners];
      this.#lostListeners.clear();
      for (const listener of listeners) listener();
    }
    this.#state = { connected: false, reason };
  }
}

export function connectionOptions({ natsUrl, name, credentials }: NatsLinkOptions): ConnectionOptions {
  const servers = natsUrl.split(',').map((address) => address.trim());
  const login = credentials ?? loginOf(servers[0] ?? '');
  return {
    servers: servers.map((address) => address.replace(/^(\w+:\/\/)[^@/]*@/, '$1')),
    name,
    ...login,
    timeout: 5_000,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: 10_000,
    maxPingOut: 2,
    // A user that the server does not know yet may be known after its next reload.
    ignoreAuthErrorAbort: true,
  };
}

function loginOf(address: string): NatsCredentials | undefined {
  const match = /^\w+:\/\/([^:@/]+):([^@/]*)@/.exec(address);
  const [, user, pass] = match ?? [];
  return user === undefined || pass === undefined ? undefined : { user: decodeURIComponent(user), pass: decodeURIComponent(pass) };
}

/** `log-unavailable`, worth another try in a second or two. */
export function unavailable(detail: string, cause?: unknown): ProblemError {
  return new ProblemError('log-unavailable', detail, { retryAfter: 2, ...(cause === undefined ? {} : { cause }) });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Waits, or returns early when the signal aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, resolve, reject };
}
