import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A NATS address behind which connections can be broken on purpose. */
export interface TcpProxy extends AsyncDisposable {
  readonly url: string;
  /** What the client sends passes, what the server answers is lost, until `release`. */
  readonly swallowAnswers: () => void;
  readonly release: () => void;
  /** From the next client bytes that contain `text`: they pass, and when the server answers, the connection is cut instead. */
  readonly cutAtAnswerTo: (text: string) => void;
  /** Ends all connections; new ones are taken. */
  readonly cut: () => void;
}

/** Puts a TCP proxy before a server on 127.0.0.1. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let swallowing = false;
  let awaited: string | undefined;
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.destroy();
    pairs.clear();
  };
  const server = createServer((client) => {
    const upstream = connect(targetPort, '127.0.0.1');
    const pair = [client, upstream] as const;
    pairs.add(pair);
    let armed = false;
    client.on('data', (bytes) => {
      if (awaited !== undefined && bytes.includes(awaited)) {
        awaited = undefined;
        armed = true;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (armed) for (const socket of pair) socket.destroy();
      else if (!swallowing) client.write(bytes);
    });
    for (const socket of pair) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        pairs.delete(pair);
        client.destroy();
        upstream.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `nats://127.0.0.1:${address.port}`,
    swallowAnswers: () => (swallowing = true),
    release: () => (swallowing = false),
    cutAtAnswerTo: (text) => (awaited = text),
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
