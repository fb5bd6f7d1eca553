import { ServiceParts, type RunServiceOptions } from '@anime/service-runtime';
import { attemptMetrics, gpuMetrics } from './adapters/attempt-metrics.js';
import { modelsFolderOf, type ComfyuiExecutorConfig } from './config.js';
import { consumers } from './consumers.js';
import { ModelHashes } from './environment/model-hashes.js';
import { Executor } from './executor/executor.js';

/** The one composition root: builds the parts from the configuration and wires them. */
export function composeComfyuiExecutor(config: ComfyuiExecutorConfig): RunServiceOptions {
  const service = new ServiceParts({ name: 'comfyui-executor', moduleUrl: import.meta.url, config });
  const { log, logger, metrics, readiness, instance } = service;
  const observe = attemptMetrics(metrics);
  const showMemory = gpuMetrics(metrics);
  const blobs = service.openBlobs(config);
  const onError = (error: unknown): void => logger.warn({ err: error }, 'models cannot be read');
  const executors = config.COMFYUI_URLS.map((server) => {
    const folder = modelsFolderOf(config.COMFYUI_MODELS_DIR, server.name);
    return new Executor({
      server,
      studio: config.ANIME_STUDIO,
      log,
      blobs,
      claim: instance,
      logger,
      observer: observe(server.name),
      onFigures: showMemory(server.name),
      limits: { silenceMs: config.ANIME_SILENCE_LIMIT_MS, unheardMs: config.ANIME_UNHEARD_LIMIT_MS },
      previews: config.ANIME_PREVIEWS,
      models: folder === undefined ? undefined : new ModelHashes({ folder, onError }),
    });
  });
  for (const executor of executors) {
    readiness.add(`comfyui ${executor.name}`, executor.check);
    executor.start();
  }
  return service.options({
    table: consumers(executors),
    onDrain: async () => {
      await Promise.all(executors.map((executor) => executor.stop()));
    },
  });
}
