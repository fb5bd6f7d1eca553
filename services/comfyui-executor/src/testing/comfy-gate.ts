import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** An address before a ComfyUI where a test can come between. */
export interface ComfyGate extends AsyncDisposable {
  readonly url: string;
}

/** Called with each request (`POST /prompt`), which waits for it: `pass` sends it on, `unknown` answers as of a job that the server does not know. */
export type Gatekeeper = (call: string) => 'pass' | 'unknown' | Promise<'pass' | 'unknown'>;

/** Opens a gate before a server. Websockets do not pass: HTTP is enough for everything. */
export async function openComfyGate(serverUrl: string, keeper: Gatekeeper): Promise<ComfyGate> {
  const gate = createServer((incoming, outgoing) => {
    const { method, url = '/', headers } = incoming;
    void Promise.resolve(keeper(`${method} ${url}`)).then((verdict) => {
      if (verdict === 'unknown') {
        incoming.resume();
        outgoing.writeHead(404, { 'content-type': 'application/json' }).end('{"error":"Job not found"}');
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
