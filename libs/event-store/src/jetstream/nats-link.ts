import { connect, type NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '@anime/problem-details';
import { connectionOptions, type NatsLinkOptions } from './connection-options.js';
import { unavailable } from './log-faults.js';
import { pause } from './pause.js';

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

  /**
   * The outcome of a request, or an error as soon as the connection is lost: the client itself would wait for the timeout,
   * as it neither sends nor gives up what was asked meanwhile.
   */
  async whileUp<T>(request: Promise<T>): Promise<T> {
    const { promise: lost, reject } = Promise.withResolvers<never>();
    const fail = (): void => reject(new Error('the connection was lost before the answer came'));
    const forget = this.onLost(fail);
    if (!this.#state.connected) fail();
    try {
      return await Promise.race([request, lost]);
    } finally {
      forget();
    }
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
      if (connection === undefined)
        throw unavailable(`NATS is not connected: ${this.#state.reason ?? 'lost just now'}`);
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

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  return { promise, resolve, reject };
}
