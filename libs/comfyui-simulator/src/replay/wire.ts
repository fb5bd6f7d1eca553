import { request as httpRequest } from 'node:http';
import { WebSocket } from 'ws';
import { parsePythonJson } from '../python-json.js';
import type { Heard } from './event-order.js';
import type { RecordedRequest } from './recording.js';
import { formOf } from './upload-form.js';

/** An answer as it came over the wire: nothing decoded, nothing followed. */
export interface WireReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface WireRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Sends exactly this. @throws when there is no answer */
export function send(baseUrl: string, { method, path, headers, body }: WireRequest): Promise<WireReply> {
  return new Promise((resolve, reject) => {
    // The path goes out as it stands; a URL would tidy it.
    const { hostname, port } = new URL(baseUrl);
    const outgoing = httpRequest({ hostname, port, method, path, headers: { ...headers } }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const pairs = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: Object.fromEntries(pairs),
          body: Buffer.concat(chunks),
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** The body and its type as the recording client sent them. */
export function bodyOf(
  request: RecordedRequest,
  json: string | undefined,
): { body?: string | Buffer; contentType?: string } {
  if (request.multipart !== undefined || request.raw_filename !== undefined) return formOf(request);
  if (request.request_data !== undefined) return { body: request.request_data };
  if (json !== undefined) return { body: json, contentType: 'application/json' };
  return {};
}

/** A socket that keeps what it hears. */
export class Listening {
  readonly heard: Heard[] = [];
  readonly socket: WebSocket;
  isClosed = false;

  constructor(baseUrl: string, query: string) {
    this.socket = new WebSocket(`${baseUrl.replace('http', 'ws')}/ws${query}`, { perMessageDeflate: false });
    this.socket.on('message', (data, isBinary) => {
      const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0);
      if (isBinary) this.heard.push({ type: 'binary', data: { event: bytes.readUInt32BE(0) } });
      else this.heard.push(parsePythonJson(bytes.toString('utf8')) as Heard);
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }
}
