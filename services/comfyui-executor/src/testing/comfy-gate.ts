import { once } from 'node:events';
import { createServer, request, type IncomingMessage } from 'node:http';

/** An address before a ComfyUI where a test can come between. */
export interface ComfyGate extends AsyncDisposable {
  readonly url: string;
}

/** What the gate itself says in place of the server. */
export interface GateAnswer {
  readonly status: number;
  readonly body: string;
  /** Default `text/plain`. */
  readonly type?: string;
  /** The server gets the request all the same when this is done, as from a proxy that had given up on it. */
  readonly passedOnWhen?: Promise<unknown>;
}
export type Verdict = 'pass' | GateAnswer;

/** Called with each request (`POST /prompt`), which waits for it: `pass` sends it on. */
export type Gatekeeper = (call: string) => Verdict | Promise<Verdict>;

/** As of a job that the server does not know. */
export const UNKNOWN_JOB: GateAnswer = { status: 404, body: '{"error":"Job not found"}', type: 'application/json' };
/** What aiohttp says when a handler raised. */
export const SERVER_ERROR: GateAnswer = {
  status: 500,
  body: '500 Internal Server Error\n\nServer got itself in trouble',
};

/** Opens a gate before a server. Websockets do not pass: HTTP is enough for everything. */
export async function openComfyGate(serverUrl: string, keeper: Gatekeeper): Promise<ComfyGate> {
  const gate = createServer((incoming, outgoing) => {
    const { method, url = '/', headers } = incoming;
    void Promise.resolve(keeper(`${method} ${url}`)).then((verdict) => {
      if (verdict !== 'pass') {
        const { status, body, type = 'text/plain', passedOnWhen } = verdict;
        outgoing.writeHead(status, { 'content-type': type }).end(body);
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
  gate.on('upgrade', (_, socket) => socket.destroy());
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  const address = gate.address();
  if (address === null || typeof address === 'string') throw new Error('the gate has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      gate.close();
      gate.closeAllConnections();
      await once(gate, 'close');
    },
  };
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
