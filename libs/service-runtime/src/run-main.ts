import { isProblem } from '@anime/problem-details';
import { configurationLines, HelpAsked } from './config.js';
import { createLogger } from './logger.js';
import { requireNode } from './node-version.js';
import { packageVersion } from './package-version.js';
import { startTelemetry, stopTelemetry } from './telemetry.js';

/** `EX_CONFIG` of sysexits.h: a restart with the same environment cannot help. */
export const EXIT_CONFIGURATION = 78;

/**
 * The whole of a service's `main.ts`: checks the Node version, starts tracing, then runs `main`, which imports the service
 * dynamically. With `--help` it only prints what `readConfig` would read. Ends the process with 78 and one line for each
 * bad variable when the configuration is not valid, with 1 and one line when the port is taken, with 1 and a fatal log
 * line for any other error, also for an unhandled rejection at any later time.
 * @param moduleUrl `import.meta.url` of the `main.ts`: its package tells the version
 */
export async function runMain(service: string, moduleUrl: string, main: () => Promise<unknown>): Promise<void> {
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
    await startTelemetry(service, packageVersion(moduleUrl), logger);
    await main();
  } catch (error) {
    if (error instanceof HelpAsked) {
      process.stdout.write(`The ${service} reads these variables of the environment:\n\n${error.lines.join('\n')}\n`);
      return;
    }
    if (isPortTaken(error)) {
      process.stderr.write(
        `Port ${error.port} of ${error.address} is taken (${error.code}): set PORT to another one, or to 0 for any free one.\n`,
      );
      await stopTelemetry();
      process.exit(1); // the connections that a service holds would keep it alive
    }
    if (!isProblem(error, 'configuration-invalid')) return die('the service could not start')(error);
    for (const line of configurationLines(error)) process.stderr.write(`${line}\n`);
    process.exit(EXIT_CONFIGURATION);
  }
}

function isPortTaken(
  error: unknown,
): error is { readonly code: string; readonly address: string; readonly port: number } {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === 'EADDRINUSE';
}
