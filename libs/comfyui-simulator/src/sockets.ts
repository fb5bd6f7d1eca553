import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { EventSink } from './events.js';
import type { Faults } from './faults.js';
import { FEATURES } from './features.js';
import { isRecord } from './graph.js';
import { parsePythonJson, pythonJson } from './python-json.js';
import { isChosen } from './seeded-share.js';

export interface SocketsOptions {
  readonly faults: Faults;
  /** `queue_remaining` for the greeting. */
  readonly remaining: () => number;
  /** Node of a running prompt that belongs to this client, for the bare `executing` a late-comer gets. */
  readonly runningNode: (sid: string) => string | null;
}

interface Outgoing {
  readonly payload: string | Buffer;
  readonly sid: string | null;
}

/** aiohttp waits for a client whose unsent bytes exceed this. */
const HIGH_WATER_BYTES = 65_536;

/**
 * Websocket clients by id. As in ComfyUI a second socket with an id takes over silently, and the end of either one
 * unregisters the id: after a careless reconnect the new socket stays open and hears nothing any more. Events leave
 * one after the other, so a client that stopped reading holds up everybody's.
 */
export class Sockets implements EventSink {
  // Compression is negotiated by the real server; it is left off here because it only costs time.
  private readonly server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  private readonly bySid = new Map<string, WebSocket>();
  private readonly flagsBySid = new Map<string, Readonly<Record<string, unknown>>>();
  private readonly outbox: Outgoing[] = [];
  private isPublishing = false;

  constructor(private readonly options: SocketsOptions) {}

  /** Takes an upgrade request of /ws. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const asked = new URL(request.url ?? '/', 'http://simulator').searchParams.get('clientId');
    const sid = asked === null || asked === '' ? randomUUID().replaceAll('-', '') : asked;
    this.server.handleUpgrade(request, socket, head, (client) => this.register(sid, client));
  }

  send(event: string, data: unknown, sid: string | null): void {
    if (!this.isLost(event)) this.publish(pythonJson({ type: event, data }), sid);
  }

  sendBinary(frame: Buffer, sid: string | null): void {
    if (!this.isLost('binary')) this.publish(frame, sid);
  }

  supportsPreviewMetadata(sid: string | null): boolean {
    return sid !== null && this.flagsBySid.get(sid)?.['supports_preview_metadata'] === true;
  }

  broadcastStatus(): void {
    this.send('status', { status: { exec_info: { queue_remaining: this.options.remaining() } } }, null);
  }

  /** Sends what a switch that has been turned back held up. */
  resume(): void {
    if (!this.isPublishing) void this.publishAll();
  }

  /** Tears every connection down without a closing handshake: clients see 1006. */
  drop(): void {
    for (const client of this.server.clients) client.terminate();
  }

  close(): void {
    this.drop();
    this.server.close();
  }

  private isLost(type: string): boolean {
    const lost = this.options.faults.lostEvents;
    if (lost === null || !(lost.types?.includes(type) ?? true)) return false;
    return isChosen(lost);
  }

  private publish(payload: string | Buffer, sid: string | null): void {
    this.outbox.push({ payload, sid });
    if (!this.isPublishing) void this.publishAll();
  }

  /** ComfyUI's publish_loop. Goes on without a pause as long as every client reads. */
  private async publishAll(): Promise<void> {
    this.isPublishing = true;
    while (!this.options.faults.stalledReader) {
      const next = this.outbox.shift();
      if (next === undefined) break;
      for (const client of this.receivers(next.sid)) {
        const held = sendTo(client, next.payload);
        if (held !== undefined) await held;
      }
    }
    this.isPublishing = false;
  }

  private register(sid: string, client: WebSocket): void {
    this.bySid.set(sid, client);
    this.flagsBySid.delete(sid);
    const status = { status: { exec_info: { queue_remaining: this.options.remaining() } }, sid };
    client.send(pythonJson({ type: 'status', data: status }));
    const node = this.options.runningNode(sid);
    if (node !== null) client.send(pythonJson({ type: 'executing', data: { node } }));
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
      message = parsePythonJson(text);
    } catch {
      // The real server ignores what is not JSON.
      return;
    }
    if (!isRecord(message) || message['type'] !== 'feature_flags') return;
    this.flagsBySid.set(sid, isRecord(message['data']) ? message['data'] : {});
    for (const client of this.receivers(sid)) client.send(pythonJson({ type: 'feature_flags', data: FEATURES }));
  }

  private receivers(sid: string | null): WebSocket[] {
    if (sid === null) return [...this.bySid.values()];
    const client = this.bySid.get(sid);
    return client === undefined ? [] : [client];
  }
}

/** Undefined when the client reads; else resolves when the bytes have left this process, or cannot any more. */
function sendTo(client: WebSocket, payload: string | Buffer): Promise<void> | undefined {
  let onSent: (() => void) | undefined;
  client.send(payload, () => onSent?.());
  if (client.bufferedAmount <= HIGH_WATER_BYTES) return undefined;
  return new Promise((done) => {
    onSent = () => {
      client.off('close', done);
      done();
    };
    client.once('close', done);
  });
}
