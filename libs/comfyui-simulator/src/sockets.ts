import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { EventSink } from './events.js';
import { FEATURES } from './features.js';
import { isRecord } from './graph.js';

export interface SocketsOptions {
  /** `queue_remaining` for the greeting. */
  readonly remaining: () => number;
  /** Node of a running prompt that belongs to this client, for the bare `executing` a late-comer gets. */
  readonly runningNode: (sid: string) => string | null;
}

/**
 * Websocket clients by id. As in ComfyUI a second socket with an id takes over silently, and the end of either one
 * unregisters the id: after a careless reconnect the new socket stays open and hears nothing any more.
 */
export class Sockets implements EventSink {
  // Compression is negotiated by the real server; it is left off here because it only costs time.
  private readonly server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  private readonly bySid = new Map<string, WebSocket>();
  private readonly flagsBySid = new Map<string, Readonly<Record<string, unknown>>>();

  constructor(private readonly options: SocketsOptions) {}

  /** Takes an upgrade request of /ws. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const asked = new URL(request.url ?? '/', 'http://simulator').searchParams.get('clientId');
    const sid = asked === null || asked === '' ? randomUUID().replaceAll('-', '') : asked;
    this.server.handleUpgrade(request, socket, head, (client) => this.register(sid, client));
  }

  send(event: string, data: unknown, sid: string | null): void {
    const text = JSON.stringify({ type: event, data });
    for (const client of this.receivers(sid)) client.send(text);
  }

  sendBinary(frame: Buffer, sid: string | null): void {
    for (const client of this.receivers(sid)) client.send(frame);
  }

  supportsPreviewMetadata(sid: string | null): boolean {
    return sid !== null && this.flagsBySid.get(sid)?.['supports_preview_metadata'] === true;
  }

  broadcastStatus(): void {
    this.send('status', { status: { exec_info: { queue_remaining: this.options.remaining() } } }, null);
  }

  /** Tears every connection down without a closing handshake: clients see 1006. */
  drop(): void {
    for (const client of this.server.clients) client.terminate();
  }

  close(): void {
    this.drop();
    this.server.close();
  }

  private register(sid: string, client: WebSocket): void {
    this.bySid.set(sid, client);
    this.flagsBySid.delete(sid);
    const status = { status: { exec_info: { queue_remaining: this.options.remaining() } }, sid };
    client.send(JSON.stringify({ type: 'status', data: status }));
    const node = this.options.runningNode(sid);
    if (node !== null) client.send(JSON.stringify({ type: 'executing', data: { node } }));
    let isFirstText = true;
    client.on('message', (data, isBinary) => {
      if (isBinary) return;
      const text = Buffer.isBuffer(data) ? data.toString('utf8') : '';
      if (isFirstText) this.negotiate(sid, text);
      isFirstText = false;
    });
    client.on('error', () => client.terminate());
    client.on('close', () => {
      this.bySid.delete(sid);
      this.flagsBySid.delete(sid);
    });
  }

  /** Only the first text message counts. The answer goes to whoever holds the id by now. */
  private negotiate(sid: string, text: string): void {
    let message: unknown;
    try {
      message = JSON.parse(text);
    } catch {
      // The real server ignores what is not JSON.
      return;
    }
    if (!isRecord(message) || message['type'] !== 'feature_flags') return;
    this.flagsBySid.set(sid, isRecord(message['data']) ? message['data'] : {});
    this.send('feature_flags', FEATURES, sid);
  }

  private receivers(sid: string | null): WebSocket[] {
    if (sid === null) return [...this.bySid.values()];
    const client = this.bySid.get(sid);
    return client === undefined ? [] : [client];
  }
}
