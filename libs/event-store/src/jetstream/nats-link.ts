import { AuthorizationError, connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { messageOf } from '@anime/problem-details';
import { connectionOptions, type NatsLinkOptions } from './connection-options.js';
import { deniedSentence, unavailable } from './log-faults.js';
import { pause } from './pause.js';

export interface LinkState {
  readonly connected: boolean;
  /** Why not, when not connected. */
  readonly reason: string | null;
}

const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 1_000;
/** What is tried again and again is denied again and again, within seconds; this long one denial is shown. */
const DENIAL_SHOWN_MS = 10_000;

/** A right that was missing. A subscription is asked for once, so it is denied as long as the connection lasts. */
interface Denial {
  readonly reason: string;
  readonly until: number;
}

/** A NATS connection that is opened in the background and for ever opened again. */
export class NatsLink {
  readonly #options: NatsLinkOptions & { readonly onDenied?: (reason: string) => void };
  readonly #denials = new Map<string, Denial>();
  readonly #closing = new AbortController();
  #connection: NatsConnection | undefined;
  #state: LinkState = { connected: false, reason: 'not connected yet' };
  #up = deferred<NatsConnection>();
  readonly #lostListeners = new Set<() => void>();
  readonly #everyLoss: (() => void)[] = [];
  readonly #running: Promise<void>;

  /** @param options.onDenied told what this user may not do, when that is new or was not met for a while */
  constructor(options: NatsLinkOptions & { readonly onDenied?: (reason: string) => void }) {
    this.#options = options;
    this.#running = this.#run();
  }

  get state(): LinkState {
    return this.#state;
  }

  /** True when `close` was called: it will not be connected again. */
  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** What NATS did not permit this user just now; null when there is nothing. */
  denial(): string | null {
    const now = performance.now();
    for (const { reason, until } of this.#denials.values()) if (now < until) return reason;
    return null;
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
        this.#setDown(reasonOf(error));
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
      else if (status.type === 'error' && status.error instanceof PermissionViolationError) this.#deny(status.error);
      else if (status.type === 'error' && !this.#state.connected) this.#setDown(reasonOf(status.error));
    }
    const error = await connection.closed();
    this.#connection = undefined;
    this.#setDown(error === undefined ? 'closed' : reasonOf(error));
  }

  /** Many a request is sent without waiting for its answer: here is where its refusal is heard. */
  #deny(error: PermissionViolationError): void {
    const now = performance.now();
    const key = `${error.operation} ${error.subject}`;
    const known = this.#denials.get(key);
    const reason = deniedSentence(error);
    if (known === undefined || known.until <= now) this.#options.onDenied?.(reason);
    for (const [old, { until }] of this.#denials) if (until <= now) this.#denials.delete(old);
    this.#denials.set(key, { reason, until: error.operation === 'publish' ? now + DENIAL_SHOWN_MS : Infinity });
  }

  #setUp(connection: NatsConnection): void {
    // The server may have other rights for us now, and the client subscribes anew.
    this.#denials.clear();
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

function reasonOf(error: unknown): string {
  return error instanceof AuthorizationError
    ? `NATS does not take this user and password (${error.message}): give those of the service in NATS_URL`
    : messageOf(error);
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
