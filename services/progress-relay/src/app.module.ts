import { Doorkeeper, KeyRing, keyRingRow, localUser, watchKeyRing } from '@anime/api-keys';
import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { ProgressController } from './adapters/http/progress.controller.js';
import { JobEvents } from './adapters/job-events.js';
import { JobPreviews } from './adapters/nats/job-previews.js';
import { ProgressStream } from './adapters/nats/progress-stream.js';
import { exposeViewers, viewersObserver } from './adapters/relay-metrics.js';
import { openProgressDoor } from './adapters/ws/progress-door.js';
import type { ProgressRelayConfig } from './config.js';
import { consumers } from './consumers.js';
import { LIMITS, type Limits } from './viewers/limits.js';
import { Viewers } from './viewers/viewers.js';

/**
 * The one composition root: builds the parts from the configuration and wires them.
 * @throws ProblemError `configuration-invalid`
 */
export function composeProgressRelay(config: ProgressRelayConfig, limits: Limits = LIMITS): RunServiceOptions {
  const local = localUser(config);
  const service = new ServiceParts({ name: 'progress-relay', moduleUrl: import.meta.url, config });
  const { log, logger, metrics, readiness } = service;
  const draining = new AbortController();

  const progress = new ProgressStream(log);
  const previews = new JobPreviews(log, logger);
  const events = new JobEvents(log);
  const viewers = new Viewers({
    progress,
    previews,
    log,
    eventsBegun: () => events.begun(),
    limits,
    logger,
    observer: viewersObserver(metrics),
  });
  const ring = new KeyRing();
  const doorkeeper = new Doorkeeper({ ring, local, now: () => new Date().toISOString() });
  void watchKeyRing(ring, log, draining.signal);
  const following = progress.run(viewers, draining.signal);
  void previews.run(draining.signal);

  exposeViewers(metrics, () => viewers.count);

  readiness.add('progress stream', progress.check);
  return service.options({
    table: consumers(events, viewers, keyRingRow(ring, log)),
    controllers: [ProgressController],
    configure: (app) => openProgressDoor(app.getHttpServer(), viewers, doorkeeper),
    // At the start of a drain: the HTTP server waits for the viewers' connections to end.
    onStopping: () => viewers.close(),
    onDrain: async () => {
      draining.abort();
      await following;
    },
  });
}
