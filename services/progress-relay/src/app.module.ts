import { openLog, uuidv7 } from '@anime/event-store';
import { JetStreamStrategy, startStatusReporter, type JetStreamStrategyOptions } from '@anime/messaging';
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
import { ProgressController } from './adapters/http/progress.controller.js';
import { JobEvents } from './adapters/job-events.js';
import { ProgressStream } from './adapters/nats/progress-stream.js';
import { exposeViewers, viewersObserver } from './adapters/relay-metrics.js';
import { openProgressDoor } from './adapters/ws/progress-door.js';
import type { ProgressRelayConfig } from './config.js';
import { consumers } from './consumers.js';
import { LIMITS, type Limits } from './viewers/limits.js';
import { Viewers } from './viewers/viewers.js';

const NAME = 'progress-relay';
const version = packageVersion(import.meta.url);

/** The service's Nest module. */
class ProgressRelayModule {}

/** Viewers are closed with the consumers, at the start of a drain: the HTTP server waits for their connections to end. */
class RelayStrategy extends JetStreamStrategy {
  constructor(
    options: JetStreamStrategyOptions,
    private readonly closeViewers: () => void,
  ) {
    super(options);
  }

  override async close(): Promise<void> {
    this.closeViewers();
    await super.close();
  }
}

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeProgressRelay(config: ProgressRelayConfig, limits: Limits = LIMITS): RunServiceOptions {
  const logger = createLogger(NAME, { level: config.LOG_LEVEL });
  const metrics = createMetrics(NAME);
  const readiness = new Readiness();
  const draining = new AbortController();

  const log = openLog({ natsUrl: config.NATS_URL, name: NAME });
  const progress = new ProgressStream(log);
  const events = new JobEvents(log);
  const viewers = new Viewers({
    progress,
    log,
    eventsBegun: () => events.begun(),
    limits,
    logger,
    observer: viewersObserver(metrics),
  });
  const following = progress.run(viewers, draining.signal);

  const options = {
    log,
    table: consumers(events, viewers),
    service: NAME,
    logger,
    observer: consumerObserver(metrics),
  } as const;
  const strategy = new RelayStrategy(options, () => viewers.close());
  exposeConsumers(metrics, () => strategy.consumers());
  exposeViewers(metrics, () => viewers.count);

  readiness.add('log', logCheck(log));
  readiness.add('consumers', strategy.check);
  readiness.add('progress stream', progress.check);
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
    module: { module: ProgressRelayModule, controllers: [ProgressController] },
    readiness,
    logger,
    metrics,
    strategy,
    log,
    configure: (app) => openProgressDoor(app.getHttpServer(), viewers, config.HOST),
    onDrain: async () => {
      reporter.stop();
      draining.abort();
      await following;
    },
  };
}
