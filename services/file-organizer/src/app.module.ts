import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { filingMetrics } from './adapters/filing-metrics.js';
import { LibraryFolder } from './adapters/library/library-folder.js';
import type { FileOrganizerConfig } from './config.js';
import { consumers, RETRIES } from './consumers.js';

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeFileOrganizer(config: FileOrganizerConfig, retries = RETRIES): RunServiceOptions {
  const service = new ServiceParts({ name: 'file-organizer', moduleUrl: import.meta.url, config });
  const { log, logger, metrics, readiness } = service;
  const library = new LibraryFolder(config.ANIME_LIBRARY_DIR);

  const table = consumers(
    {
      log,
      blobs: service.openBlobs(config),
      library,
      onFiled: filingMetrics(metrics),
      now: () => new Date().toISOString(),
    },
    retries,
  );
  readiness.add('library', async () => {
    await library.check(); // a throw is a check that failed, with its message as the reason
    return { ok: true, reason: null };
  });
  // Clears what the last run left half written, also when no event comes; a failure shows in /ready.
  void library.open().catch((error: unknown) => logger.warn({ err: error }, 'the library cannot be used yet'));
  return service.options({ table });
}
