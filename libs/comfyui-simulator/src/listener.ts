import type { Server } from 'node:http';

/** The port of a server that may be closed and opened again. */
export class Listener {
  private server: Server | undefined;
  private port: number;

  /** @param port 0: a free one, kept from then on */
  constructor(
    private readonly create: () => Server,
    port: number,
    private readonly host: string,
  ) {
    this.port = port;
  }

  /** Resolves with the port when connections are accepted. */
  open(): Promise<number> {
    const server = this.create();
    this.server = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.port, this.host, () => {
        const address = server.address();
        if (typeof address !== 'object' || address === null) return reject(new Error('the server has no port'));
        this.port = address.port;
        resolve(address.port);
      });
    });
  }

  /** Refuses connections from now on and ends those that are open, except websockets. */
  close(): void {
    this.server?.close();
    this.server?.closeAllConnections();
    this.server = undefined;
  }

  get isOpen(): boolean {
    return this.server !== undefined;
  }
}
