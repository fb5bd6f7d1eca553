import { baseConfig, blobsConfig, databaseConfig, wholeNumber } from '@anime/service-runtime';
import { z } from 'zod';

/** What the orchestrator reads from the environment. */
export const OrchestratorConfig = z.object({
  ...baseConfig(8332),
  ...blobsConfig,
  ...databaseConfig,
  /** Then outputs are gated without figures, reason `scorer absent`. */
  ANIME_SCORER_LIMIT_MS: wholeNumber(1_000).default(120_000).describe('milliseconds to wait for scores'),
  /** Then its attempts are given to others. */
  // Heartbeats come every 2 s, and a process may stand still for 5 s without being counted as silent.
  ANIME_EXECUTOR_LIMIT_MS: wholeNumber(10_000)
    .default(30_000)
    .describe('milliseconds without a heartbeat until an executor is lost'),
  /** Then its attempts are given to others. */
  // Longer than a server takes to start, and than it stands still while it loads a large model.
  ANIME_SERVER_LIMIT_MS: wholeNumber(5_000)
    .default(300_000)
    .describe('milliseconds for which the ComfyUI of an executor does not answer until that executor is lost'),
  ANIME_MAX_ATTEMPTS: wholeNumber(1)
    .default(3)
    .describe(
      'how many attempts of a job may fail until it does; those that were handed back, or lost with their executor, do not count',
    ),
});
export type OrchestratorConfig = Readonly<z.infer<typeof OrchestratorConfig>>;
