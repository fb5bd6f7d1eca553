import type { Projection } from '@anime/projections';
import { deadLettersProjection } from './dead-letters/dead-letters.projection.js';
import { jobsProjection } from './jobs/jobs.projection.js';

/** Every read-model of the gateway. */
export const PROJECTIONS: readonly Projection[] = [jobsProjection, deadLettersProjection];
