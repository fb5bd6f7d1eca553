import { FsBlobStore } from '@anime/blob-store';
import { openLog, uuidv7 } from '@anime/event-store';
import { JetStreamStrategy, startStatusReporter } from '@anime/messaging';
import {
  consumerObserver,
  createLogger,
  createMetrics,
  exposeConsumers,
  logCheck,
  packageVersion,
  Readiness,
  type RunServiceOptions,
} from '@anime/service-runtime';
import { LibraryFolder } from './adapters/library/library-folder.js';
import type { FileOrganizerConfig } from './config.js';
import { consumers, RETRIES } from './consumers.js';

const NAME = 'file-organizer';
const version = packageVersion(import.meta.url);

/** The service's Nest module; its only controllers are the rows of `consumers.ts`. */
class FileOrganizerModule {}

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeFileOrganizer(config: FileOrganizerConfig, retries = RETRIES): RunServiceOptions {
  const logger = createLogger(NAME, { level: config.LOG_LEVEL });
  const metrics = createMetrics(NAME);
  const readiness = new Readiness();
  const library = new LibraryFolder(config.ANIME_LIBRARY_DIR);

  const log = openLog({ natsUrl: config.NATS_URL, name: NAME });
  const table = consumers(
    { log, blobs: new FsBlobStore(config.ANIME_BLOBS_DIR), library, now: () => new Date().toISOString() },
    retries,
  );
  const strategy = new JetStreamStrategy({ log, table, service: NAME, logger, observer: consumerObserver(metrics) });
  exposeConsumers(metrics, () => strategy.consumers());

  readiness.add('log', logCheck(log));
  readiness.add('consumers', strategy.check);
  readiness.add('library', async () => {
    await library.check(); // a throw is a check that failed, with its message as the reason
    return { ok: true, reason: null };
  });
  // Clears what the last run left half written, also when no event comes; a failure shows in /ready.
  void library.open().catch((error: unknown) => logger.warn({ err: error }, 'the library cannot be used yet'));
  const reporter = startStatusReporter({
    nats: log,
    service: NAME,
    instance: uuidv7(),
    version,
    readiness: () => readiness.report(),
    consumers: () => strategy.consumers(),
    logger,
  });

  return {
    name: NAME,
    version,
    config,
    module: { module: FileOrganizerModule },
    readiness,
    logger,
    metrics,
    strategy,
    log,
    onDrain: () => reporter.stop(),
  };
}
