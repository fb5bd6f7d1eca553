import { createScorer } from '@anime/quality-metrics';
import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { ModelSession } from './adapters/model-session.js';
import { scorerMetrics } from './adapters/scorer-metrics.js';
import type { QualityScorerConfig } from './config.js';
import { consumers, RETRIES } from './consumers.js';
import { scorerBuildOf } from './domain/scoring/scorer-build.js';

/**
 * The one composition root: builds the parts from the configuration and wires them.
 * @throws when the ONNX session cannot be made: an installation that measures nothing must not consume
 */
export async function composeQualityScorer(config: QualityScorerConfig, retries = RETRIES): Promise<RunServiceOptions> {
  const service = new ServiceParts({ name: 'quality-scorer', moduleUrl: import.meta.url, config });
  const { log, logger, metrics, readiness } = service;
  const { onMetric, onPicture } = scorerMetrics(metrics);
  const scorer = await createScorer({ onMetric });
  const session = new ModelSession(scorer);
  const scorerBuild = scorerBuildOf(service.version, scorer.graphSha256);
  logger.info({ scorerBuild }, 'model session ready');

  const table = consumers(
    {
      log,
      blobs: service.openBlobs(config),
      scorer: session,
      scorerBuild,
      onPicture,
      now: () => new Date().toISOString(),
    },
    retries,
  );
  readiness.add('model session', session.check);
  return service.options({ table, onDrain: () => session.close() });
}
