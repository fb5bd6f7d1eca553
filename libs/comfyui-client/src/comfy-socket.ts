import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { parsePromptMessage, type PromptMessage } from './prompt-message.js';

/** The websocket never decides anything: each hint only says that it is worth looking over HTTP now. */
export type Hint =
  | { readonly kind: 'message'; readonly message: PromptMessage }
  /** A new connection: whatever was said in between is lost for ever (contract §1.2, 6). */
  | { readonly kind: 'connected' };

export interface ComfySocketOptions {
  /** `http://host:port` with an optional path. */
  readonly baseUrl: string;
  /** Between pings; a peer that answers none of them twice as long is given up. Servers stall for seconds. Default 30 s. */
  readonly pingIntervalMs?: number;
  /** First delay of reconnecting; doubles up to 5 s. Default 200 ms. */
  readonly reconnectMs?: number;
}

const LONGEST_RECONNECT_MS = 5_000;

/**
 * One listening websocket, kept open for ever. Each connection has a fresh client id, because a second socket with a
 * known id is silenced when the first closes (contract §1.2, 5). Every frame is read at once and dropped unless
 * somebody follows its prompt: one reader that stalls would stop the events of all clients (contract §1.1, 3).
 */
export class ComfySocket {
  readonly #options: Required<ComfySocketOptions>;
  readonly #followers = new Map<string, Set<(hint: Hint) => void>>();
  #socket: WebSocket | undefined;
  #clientId: string = randomUUID();
  #open = false;
  #closed = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(options: ComfySocketOptions) {
    this.#options = { pingIntervalMs: 30_000, reconnectMs: 200, ...options };
    this.#connect();
  }

  /** Of the connection that is open or being opened; give it with each prompt. */
  get clientId(): string {
    return this.#clientId;
  }

  get connected(): boolean {
    return this.#open;
  }

  /** Waits until connected, or `timeoutMs` have passed. @returns whether it is connected */
  async ready(timeoutMs: number): Promise<boolean> {
    if (this.#open || this.#closed) return this.#open;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(finish);
        resolve();
      };
      const timer = setTimeout(finish, timeoutMs);
      this.#waiting.add(finish);
    });
    return this.#open;
  }

  /** Passes on every hint about one prompt until the returned function is called. */
  follow(promptId: string, onHint: (hint: Hint) => void): () => void {
    const followers = this.#followers.get(promptId) ?? new Set();
    followers.add(onHint);
    this.#followers.set(promptId, followers);
    return () => {
      followers.delete(onHint);
      if (followers.size === 0) this.#followers.delete(promptId);
    };
  }

  close(): void {
    this.#closed = true;
    this.#open = false;
    clearTimeout(this.#retry);
    clearInterval(this.#ping);
    for (const finish of this.#waiting) finish();
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#closed) return;
    this.#clientId = randomUUID();
    const url = new URL(`${this.#options.baseUrl.replace(/\/$/, '')}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('clientId', this.#clientId);
    // ws's default compression costs 1 to 1.5 ms a job here (contract §9).
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 512 * 1024 * 1024 });
    this.#socket = socket;
    socket.on('open', () => this.#onOpen(socket));
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (!binary) this.#onText(data.toString('utf8'));
    });
    // 'close' follows every 'error', which would be thrown if nobody listened.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#onClose(socket));
  }

  #onOpen(socket: WebSocket): void {
    this.#open = true;
    this.#attempt = 0;
    let answered = true;
    socket.on('pong', () => (answered = true));
    this.#ping = setInterval(() => {
      if (!answered) return socket.terminate();
      answered = false;
      socket.ping();
    }, this.#options.pingIntervalMs);
    for (const finish of this.#waiting) finish();
    for (const followers of this.#followers.values()) for (const onHint of followers) onHint({ kind: 'connected' });
  }

  #onText(frame: string): void {
    const message = parsePromptMessage(frame);
    if (message === undefined) return;
    const followers = this.#followers.get(message.data.prompt_id);
    if (followers !== undefined) for (const onHint of followers) onHint({ kind: 'message', message });
  }

  #onClose(socket: WebSocket): void {
    if (socket !== this.#socket) return;
    this.#open = false;
    clearInterval(this.#ping);
    if (this.#closed) return;
    const delay = Math.min(this.#options.reconnectMs * 2 ** this.#attempt, LONGEST_RECONNECT_MS);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), delay);
  }
}
