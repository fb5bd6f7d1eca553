import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { parseBinaryFrame } from './binary-frame.js';
import { LatestPreview, type OnPreview } from './latest-preview.js';
import { isPromptMessage, parseServerMessage, type PromptMessage } from './server-message.js';

/** The websocket never decides anything: each hint only says that it is worth looking over HTTP now. */
export type Hint =
  | { readonly kind: 'message'; readonly message: PromptMessage }
  /** A new connection: whatever was said in between is lost for ever (contract §1.2, 6). */
  | { readonly kind: 'connected' };

export interface ComfySocketOptions {
  /** `http://host:port` with an optional path, user and password. */
  readonly baseUrl: string;
  /** Until the connection stands, in ms. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /**
   * Between pings, in ms; a peer that answers none of them twice as long is given up: the server itself never notices a half-open
   * connection (contract §1.1, 3). Servers stall for seconds. Default 30 s.
   */
  readonly pingIntervalMs?: number;
  /** First delay of reconnecting, in ms; doubles up to 5 s. Default 200 ms. */
  readonly reconnectMs?: number;
  /**
   * How long after an accepted prompt the connection may say nothing, in ms. A server that loads a model is silent for seconds, and a
   * new connection costs the rest of the run's progress. Default 30 s.
   */
  readonly silenceMs?: number;
  /** An open connection was cut; the next one is being made. */
  readonly onDropped?: () => void;
  /** Told the number of running and waiting prompts at each change. */
  readonly onQueue?: (remaining: number) => void;
}

/** What somebody who follows a prompt may want besides. */
export interface FollowOptions {
  /** Pictures while it samples. They come only for prompts that were submitted with `previews`. */
  readonly onPreview?: OnPreview;
}

interface Follower {
  readonly onHint: (hint: Hint) => void;
  readonly previews: LatestPreview | undefined;
}

const LONGEST_RECONNECT_MS = 5_000;
/** A result of SaveImageWebsocket, a lossless picture, is the largest frame; a larger one costs the connection, not the memory. */
const LARGEST_FRAME = 64 * 1024 * 1024;
/** Must be the first message; with it previews name their prompt (contract §1.2, 8). */
const OUR_FEATURES = JSON.stringify({ type: 'feature_flags', data: { supports_preview_metadata: true } });

/**
 * One listening websocket, kept open for ever. Each connection has a fresh client id, because a second socket with a
 * known id is silenced when the first closes (contract §1.2, 5). Every frame is read at once and dropped unless
 * somebody follows its prompt: one reader that stalls would stop the events of all clients (contract §1.1, 3).
 */
export class ComfySocket {
  readonly #options: ComfySocketOptions;
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #waiting = new Set<() => void>();
  readonly #silence = new Set<NodeJS.Timeout>();
  #socket: WebSocket | undefined;
  #clientId: string = randomUUID();
  #heard = 0;
  #hearsEvents = false;
  #open = false;
  #closed = false;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;

  constructor(options: ComfySocketOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Of the connection that is open or being opened; give it with each prompt. */
  get clientId(): string {
    return this.#clientId;
  }

  get connected(): boolean {
    return this.#open;
  }

  /**
   * Whether this connection has been told anything of anybody's: its greeting and the answer to our features come past the queue of
   * events, in which one reader that stalls holds up those of all (contract §1.1, 3).
   */
  get hearsEvents(): boolean {
    return this.#hearsEvents;
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
  follow(promptId: string, onHint: (hint: Hint) => void, options: FollowOptions = {}): () => void {
    const { onPreview } = options;
    const follower = { onHint, previews: onPreview === undefined ? undefined : new LatestPreview(onPreview) };
    const followers = this.#followers.get(promptId) ?? new Set();
    followers.add(follower);
    this.#followers.set(promptId, followers);
    return () => {
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(promptId) === followers) this.#followers.delete(promptId);
    };
  }

  /**
   * Call it before a `POST /prompt`, and what it returns when that has been accepted. Each accepted prompt makes the server tell
   * its queue to every socket; one that hears nothing has been forgotten, though it is open and answers pings
   * (contract §1.2, 5), and is replaced.
   */
  expectStatus(): () => void {
    const [socket, heardBefore] = [this.#socket, this.#heard];
    return () => {
      if (!this.#open || socket !== this.#socket || this.#heard !== heardBefore) return;
      const timer = setTimeout(() => {
        this.#silence.delete(timer);
        if (this.#heard === heardBefore) socket?.terminate();
      }, this.#options.silenceMs ?? 30_000);
      this.#silence.add(timer);
    };
  }

  /** Gives an open connection up for a new one: for who has heard nothing on it for too long. That is no sign of a restart. */
  renew(): void {
    if (!this.#open) return;
    const old = this.#socket;
    this.#open = false;
    this.#stopTimers();
    this.#connect();
    old?.terminate();
  }

  close(): void {
    this.#closed = true;
    this.#open = false;
    clearTimeout(this.#retry);
    this.#stopTimers();
    for (const finish of this.#waiting) finish();
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#closed) return;
    this.#clientId = randomUUID();
    this.#hearsEvents = false;
    const url = new URL(`${this.#options.baseUrl.replace(/\/$/, '')}/ws`);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    url.searchParams.set('clientId', this.#clientId);
    const socket = new WebSocket(url, {
      // ws's default compression costs 1 to 1.5 ms a job here (contract §9).
      perMessageDeflate: false,
      maxPayload: LARGEST_FRAME,
      handshakeTimeout: this.#options.connectTimeoutMs ?? 10_000,
    });
    this.#socket = socket;
    socket.on('open', () => this.#onOpen(socket));
    socket.on('message', (data: Buffer, binary: boolean) => {
      if (socket !== this.#socket) return;
      this.#heard += 1;
      // It has greeted: whoever is let in and thrown out again comes back more and more slowly.
      this.#attempt = 0;
      if (binary) this.#onBinary(data);
      else this.#onText(data.toString('utf8'));
    });
    // 'close' follows every 'error', which would be thrown if nobody listened.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#onClose(socket));
  }

  #onOpen(socket: WebSocket): void {
    if (this.#closed) return;
    socket.send(OUR_FEATURES);
    this.#open = true;
    let answered = true;
    socket.on('pong', () => (answered = true));
    this.#ping = setInterval(() => {
      if (!answered) return socket.terminate();
      answered = false;
      socket.ping();
    }, this.#options.pingIntervalMs ?? 30_000);
    for (const finish of this.#waiting) finish();
    for (const followers of this.#followers.values()) for (const { onHint } of followers) onHint({ kind: 'connected' });
  }

  #onText(frame: string): void {
    const message = parseServerMessage(frame);
    const isGreeting = message?.type === 'feature_flags' || (message?.type === 'status' && message.data.sid != null);
    if (!isGreeting) this.#hearsEvents = true;
    if (message === undefined) return;
    if (isPromptMessage(message)) {
      const followers = this.#followers.get(message.data.prompt_id);
      if (followers !== undefined) for (const { onHint } of followers) onHint({ kind: 'message', message });
    } else if (message.type === 'status') {
      this.#options.onQueue?.(message.data.status.exec_info.queue_remaining);
    }
  }

  /** Pictures without a prompt may be anybody's: prompts without a client id are told to all (contract §1.2, 7). */
  #onBinary(frame: Uint8Array): void {
    this.#hearsEvents = true;
    const parsed = parseBinaryFrame(frame);
    if (parsed?.kind !== 'attributed-image') return;
    const { kind: _kind, ...preview } = parsed;
    for (const { previews } of this.#followers.get(preview.promptId) ?? []) previews?.offer(preview);
  }

  #onClose(socket: WebSocket): void {
    // One that was renewed closes beside the next.
    if (socket !== this.#socket) return;
    const wasOpen = this.#open;
    this.#open = false;
    this.#stopTimers();
    if (this.#closed) return;
    if (wasOpen) this.#options.onDropped?.();
    const delay = Math.min((this.#options.reconnectMs ?? 200) * 2 ** this.#attempt, LONGEST_RECONNECT_MS);
    this.#attempt += 1;
    this.#retry = setTimeout(() => this.#connect(), delay);
  }

  #stopTimers(): void {
    clearInterval(this.#ping);
    for (const timer of this.#silence) clearTimeout(timer);
    this.#silence.clear();
  }
}
