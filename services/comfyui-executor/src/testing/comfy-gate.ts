import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable, type Duplex } from 'node:stream';

/** An address before a ComfyUI where a test can come between. */
export interface ComfyGate extends AsyncDisposable {
  readonly url: string;
}

/** What the gate says in the server's place. */
export interface GateAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Pieces are sent as they come and are asked for. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export type GateVerdict = 'pass' | 'unknown' | GateAnswer;

/** Called with each request (`POST /prompt`), which waits for it: `pass` sends it on, `unknown` answers as of a job that the server does not know. */
export type Gatekeeper = (call: string) => GateVerdict | Promise<GateVerdict>;

export interface GateOptions {
  /** Whether websockets pass. Default false: HTTP is enough for everything. */
  readonly websockets?: boolean;
}

const UNKNOWN = answerOf({ error: 'Job not found' }, 404);
/** What aiohttp answers when a handler raises. */
export const PLAIN_500: GateAnswer = {
  status: 500,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: '500 Internal Server Error\n\nServer got itself in trouble',
};

/** A value as JSON. */
export function answerOf(value: unknown, status = 200): GateAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
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
        const { status, headers: said = {}, body = '' } = verdict === 'unknown' ? UNKNOWN : verdict;
        incoming.resume();
        outgoing.writeHead(status, said);
        if (typeof body === 'string' || body instanceof Uint8Array) return void outgoing.end(body);
        const pieces = Readable.from(body);
        outgoing.on('close', () => pieces.destroy());
        pieces.on('error', () => outgoing.destroy()).pipe(outgoing);
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
