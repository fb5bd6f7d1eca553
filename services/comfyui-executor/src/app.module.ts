import { randomUUID } from 'node:crypto';
import { FsBlobStore } from '@anime/blob-store';
import { openLog } from '@anime/event-store';
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
import type { ComfyuiExecutorConfig } from './config.js';
import { consumers } from './consumers.js';
import { Executor } from './executor/executor.js';

const NAME = 'comfyui-executor';
const version = packageVersion(import.meta.url);

/** The service's Nest module; its only controllers are the rows of `consumers.ts`. */
class ComfyuiExecutorModule {}

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeComfyuiExecutor(config: ComfyuiExecutorConfig): RunServiceOptions {
  const logger = createLogger(NAME, { level: config.LOG_LEVEL });
  const metrics = createMetrics(NAME);
  const readiness = new Readiness();
  const instance = randomUUID();
  const log = openLog({ natsUrl: config.NATS_URL, name: NAME });
  const blobs = new FsBlobStore(config.ANIME_BLOBS_DIR);
  const executors = config.COMFYUI_URLS.map(
    (server) => new Executor({ server, studio: config.ANIME_STUDIO, log, blobs, claim: instance, logger }),
  );
  const strategy = new JetStreamStrategy({
    log,
    table: consumers(executors),
    service: NAME,
    logger,
    observer: consumerObserver(metrics),
  });
  exposeConsumers(metrics, () => strategy.consumers());

  readiness.add('log', logCheck(log));
  readiness.add('consumers', strategy.check);
  for (const executor of executors) {
    readiness.add(`comfyui ${executor.name}`, executor.check);
    executor.start();
  }
  const reporter = startStatusReporter({
    nats: log,
    service: NAME,
    instance,
    version,
    readiness: () => readiness.report(),
    consumers: () => strategy.consumers(),
    logger,
  });

  return {
    name: NAME,
    version,
    config,
    module: { module: ComfyuiExecutorModule },
    readiness,
    logger,
    metrics,
    strategy,
    log,
    onDrain: async () => {
      reporter.stop();
      await Promise.all(executors.map((executor) => executor.stop()));
    },
  };
}
