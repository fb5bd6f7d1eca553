import { FsBlobStore } from '@anime/blob-store';
import { openLog, uuidv7 } from '@anime/event-store';
import { JetStreamStrategy, startStatusReporter } from '@anime/messaging';
import { createScorer } from '@anime/quality-metrics';
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
import { ModelSession } from './adapters/model-session.js';
import type { QualityScorerConfig } from './config.js';
import { consumers, RETRIES } from './consumers.js';
import { scorerBuildOf } from './domain/scoring/scorer-build.js';

const NAME = 'quality-scorer';
const version = packageVersion(import.meta.url);

/** The service's Nest module; its only controllers are the rows of `consumers.ts`. */
class QualityScorerModule {}

/**
 * The one composition root: builds the parts from the configuration and wires them.
 * @throws when the ONNX session cannot be made: an installation that measures nothing must not consume
 */
export async function composeQualityScorer(config: QualityScorerConfig, retries = RETRIES): Promise<RunServiceOptions> {
  const logger = createLogger(NAME, { level: config.LOG_LEVEL });
  const metrics = createMetrics(NAME);
  const readiness = new Readiness();
  const scorer = await createScorer();
  const session = new ModelSession(scorer);
  const scorerBuild = scorerBuildOf(version, scorer.graphSha256);
  logger.info({ scorerBuild }, 'model session ready');

  const log = openLog({ natsUrl: config.NATS_URL, name: NAME });
  const table = consumers(
    {
      log,
      blobs: new FsBlobStore(config.ANIME_BLOBS_DIR),
      scorer: session,
      scorerBuild,
      now: () => new Date().toISOString(),
    },
    retries,
  );
  const strategy = new JetStreamStrategy({ log, table, service: NAME, logger, observer: consumerObserver(metrics) });
  exposeConsumers(metrics, () => strategy.consumers());

  readiness.add('log', logCheck(log));
  readiness.add('consumers', strategy.check);
  readiness.add('model session', session.check);
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
    module: { module: QualityScorerModule },
    readiness,
    logger,
    metrics,
    strategy,
    log,
    onDrain: async () => {
      reporter.stop();
      await session.close();
    },
  };
}
