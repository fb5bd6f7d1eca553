import { isProblem } from '@anime/problem-details';
import { configurationLines } from './config.js';
import { createLogger } from './logger.js';
import { requireNode } from './node-version.js';
import { startTelemetry, stopTelemetry } from './telemetry.js';

/** `EX_CONFIG` of sysexits.h: a restart with the same environment cannot help. */
export const EXIT_CONFIGURATION = 78;

/**
 * The whole of a service's `main.ts`: checks the Node version, starts tracing, then runs `main`, which imports the service
 * dynamically. Ends the process with 78 and one line for each bad variable when the configuration is not valid, with
 * 1 and a fatal log line for any other error, also for an unhandled rejection at any later time.
 */
export async function runMain(service: string, main: () => Promise<unknown>): Promise<void> {
  const logger = createLogger(service);
  let dying = false;
  const die = (what: string) => (error: unknown) => {
    if (dying) return;
    dying = true;
    logger.fatal({ err: error }, what);
    void stopTelemetry().finally(() => process.exit(1));
  };
  process.on('uncaughtException', die('uncaught exception'));
  process.on('unhandledRejection', die('unhandled rejection'));
  try {
    requireNode();
    await startTelemetry(service);
    await main();
  } catch (error) {
    if (!isProblem(error, 'configuration-invalid')) return die('the service could not start')(error);
    for (const line of configurationLines(error)) process.stderr.write(`${line}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}
