import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A PostgreSQL address behind which connections go dark: nothing passes, nobody is told. */
export interface DarkProxy extends AsyncDisposable {
  readonly url: string;
  /** From now on no byte passes in either direction, and no end of a connection. */
  readonly dark: () => void;
  /** Everything passes again, what was held back first. */
  readonly light: () => void;
}

/** Puts a proxy before the server of a connection URL. */
export async function startDarkProxy(target: string): Promise<DarkProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isDark = false;
  const pass = (from: Socket, to: Socket): void => {
    sockets.add(from);
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => sockets.delete(from));
    if (isDark) from.pause();
  };
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  const url = new URL(target);
  url.host = `127.0.0.1:${address.port}`;
  return {
    url: url.href,
    dark: () => {
      isDark = true;
      for (const socket of sockets) socket.pause();
    },
    light: () => {
      isDark = false;
      for (const socket of sockets) socket.resume();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
