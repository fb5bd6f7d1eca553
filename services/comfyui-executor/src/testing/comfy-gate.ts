import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { Readable, type Duplex } from 'node:stream';

/** An address before a ComfyUI where a test can come between. */
export interface ComfyGate extends AsyncDisposable {
  readonly url: string;
}

/** What the gate itself says in place of the server. */
export interface GateAnswer {
  readonly status: number;
  /** Default `text/plain`. */
  readonly type?: string;
  /** Others than its type. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent as they come and are asked for. */
  readonly body: string | AsyncIterable<Uint8Array>;
  /** The server gets the request all the same when this is done, as from a proxy that had given up on it. */
  readonly passedOnWhen?: Promise<unknown>;
}
export type Verdict = 'pass' | GateAnswer;

/** Called with each request (`POST /prompt`), which waits for it: `pass` sends it on. */
export type Gatekeeper = (call: string) => Verdict | Promise<Verdict>;

export interface GateOptions {
  /** Whether websockets pass. Default false: HTTP is enough for everything. */
  readonly websockets?: boolean;
}

/** As of a job that the server does not know. */
export const UNKNOWN_JOB = answerOf({ error: 'Job not found' }, 404);
/** What aiohttp says when a handler raised. */
export const SERVER_ERROR: GateAnswer = {
  status: 500,
  body: '500 Internal Server Error\n\nServer got itself in trouble',
};

/** A value as JSON. */
export function answerOf(value: unknown, status = 200): GateAnswer {
  return { status, type: 'application/json', body: JSON.stringify(value) };
}

/** Opens a gate before a server. */
export async function openComfyGate(
  serverUrl: string,
  keeper: Gatekeeper,
  { websockets = false }: GateOptions = {},
): Promise<ComfyGate> {
  const gate = createServer((incoming, outgoing) => {
    const { method, url = '/', headers } = incoming;
    void Promise.resolve(keeper(`${method} ${url}`)).then((verdict) => {
      if (verdict !== 'pass') {
        const { status, type = 'text/plain', headers: more, body, passedOnWhen } = verdict;
        outgoing.writeHead(status, { 'content-type': type, ...more });
        if (typeof body === 'string') outgoing.end(body);
        else send(body, outgoing);
        if (passedOnWhen === undefined) incoming.resume();
        else void passOn(new URL(url, serverUrl), incoming, passedOnWhen);
        return;
      }
      const onward = request(new URL(url, serverUrl), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      incoming.pipe(onward);
    });
  });
  const tunnels = new Set<Duplex>();
  gate.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!websockets) return void socket.destroy();
    tunnels.add(socket);
    const { hostname, port } = new URL(serverUrl);
    const onward = connect(Number(port), hostname, () => {
      const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}`);
      onward.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
    socket.on('close', () => {
      tunnels.delete(socket);
      onward.destroy();
    });
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      gate.close();
      gate.closeAllConnections();
      for (const tunnel of tunnels) tunnel.destroy();
      await once(gate, 'close');
    },
  };
}

function send(body: AsyncIterable<Uint8Array>, outgoing: ServerResponse): void {
  const pieces = Readable.from(body);
  outgoing.on('close', () => pieces.destroy());
  pieces.on('error', () => outgoing.destroy()).pipe(outgoing);
}

/** Hands a request on that the caller has been answered already. */
async function passOn(url: URL, incoming: IncomingMessage, when: Promise<unknown>): Promise<void> {
  const { method = 'GET', headers } = incoming;
  const chunks: Uint8Array[] = [];
  for await (const chunk of incoming as AsyncIterable<Uint8Array>) chunks.push(chunk);
  await when;
  const onward = request(url, { method, headers }, (answer) => answer.resume());
  onward.on('error', () => undefined);
  onward.end(Buffer.concat(chunks));
}
