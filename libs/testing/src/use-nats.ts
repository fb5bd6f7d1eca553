import { afterAll } from '@jest/globals';
import { startNatsServer, type NatsServer, type NatsServerOptions } from '@anime/embedded-servers';
import { connect, type NatsConnection } from '@nats-io/transport-node';

export interface TestNats {
  /** The file's server, started at the first call (30 ms). */
  server(): Promise<NatsServer>;
  /** A new connection to it, closed after the file's tests. Reconnects within 100 ms after the server was restarted. */
  connection(): Promise<NatsConnection>;
}

/**
 * Gives a test file its own nats-server with JetStream on a free port and an empty folder, stopped after its tests.
 * Call it at the top of the file or of a `describe`. `syncAlways` is off: a test that needs it asks for it.
 */
export function useNats(options: NatsServerOptions = {}): TestNats {
  let starting: Promise<NatsServer> | undefined;
  const connections: NatsConnection[] = [];
  const server = (): Promise<NatsServer> => (starting ??= startNatsServer({ syncAlways: false, ...options }));
  afterAll(async () => {
    await Promise.allSettled(connections.map((connection) => connection.close()));
    await (await starting)?.stop();
  });
  return {
    server,
    connection: async () => {
      const connection = await connect({
        servers: (await server()).url,
        reconnectTimeWait: 100,
        maxReconnectAttempts: -1,
      });
      connections.push(connection);
      return connection;
    },
  };
}
