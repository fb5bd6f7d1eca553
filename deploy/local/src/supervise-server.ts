import type { ServerExit } from '@anime/embedded-servers';

const RESTART_DELAY_MS = 1_000;

/** What nats-server and PostgreSQL have in common. */
export interface RestartableServer {
  readonly exited: Promise<ServerExit>;
  /** On the same port and data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a server again whenever it ends unasked, for ever.
 * @returns what ends both the watch and the server
 */
export function superviseServer(
  name: string,
  server: RestartableServer,
  onTrouble: (message: string) => void,
): () => Promise<void> {
  const stopAsked = new AbortController();
  const watching = watch(name, server, onTrouble, stopAsked.signal);
  return async () => {
    stopAsked.abort();
    await watching; // a restart under way first comes to its end
    await server.stop();
  };
}

async function watch(
  name: string,
  server: RestartableServer,
  onTrouble: (message: string) => void,
  stopAsked: AbortSignal,
): Promise<void> {
  const stop = new Promise<undefined>((resolve) => stopAsked.addEventListener('abort', () => resolve(undefined)));
  for (;;) {
    const exit = await Promise.race([server.exited, stop]);
    if (exit === undefined || stopAsked.aborted) return;
    onTrouble(
      `${name} ended (${exit.signal ?? `exit code ${exit.code}`}); starting it again on the same port and data.`,
    );
    const { promise: delay, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, RESTART_DELAY_MS);
    await Promise.race([delay, stop]);
    clearTimeout(timer);
    if (stopAsked.aborted) return;
    await server.restart().catch((error: unknown) => {
      onTrouble(`${name} does not start: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}
