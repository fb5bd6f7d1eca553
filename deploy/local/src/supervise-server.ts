import { setTimeout as delay } from 'node:timers/promises';
import type { ServerExit } from '@anime/embedded-servers';
import { messageOf } from '@anime/problem-details';

const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 30_000;

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
    await startAgain(name, server, onTrouble, stopAsked);
  }
}

/** Tries until it runs or nobody wants it any more, less and less often; says why it does not start when that changes. */
async function startAgain(
  name: string,
  server: RestartableServer,
  onTrouble: (message: string) => void,
  stopAsked: AbortSignal,
): Promise<void> {
  let said: string | undefined;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)) {
    await delay(delayMs, undefined, { signal: stopAsked }).catch(() => undefined); // it rejects when stopped
    if (stopAsked.aborted) return;
    try {
      return await server.restart();
    } catch (error) {
      const reason = messageOf(error);
      if (essenceOf(reason) !== said) onTrouble(`${name} does not start: ${reason}`);
      said = essenceOf(reason);
    }
  }
}

/**
 * What is the same in two failures with one reason: the end of the server's log, which follows the first line, has times,
 * process ids and names that are made anew at each start.
 */
function essenceOf(reason: string): string {
  const [summary, ...log] = reason.split('\n');
  const grave = log.filter((line) => /\[(FTL|ERR)\]|FATAL|PANIC|ERROR/.test(line));
  return [summary, ...grave].join('\n').replaceAll(/\d+/g, '');
}
