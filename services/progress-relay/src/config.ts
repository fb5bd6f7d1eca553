import { accessConfig, baseConfig } from '@anime/service-runtime';
import { z } from 'zod';

/** What the progress-relay reads from the environment. */
export const ProgressRelayConfig = z.object({ ...baseConfig(8329), ...accessConfig });
export type ProgressRelayConfig = Readonly<z.infer<typeof ProgressRelayConfig>>;
