import { baseConfig, blobsConfig } from '@anime/service-runtime';
import { z } from 'zod';

/** What the quality-scorer reads from the environment. */
export const QualityScorerConfig = z.object({ ...baseConfig(8334), ...blobsConfig });
export type QualityScorerConfig = Readonly<z.infer<typeof QualityScorerConfig>>;
