import { deadLettersProjection } from './dead-letters/dead-letters.projection.js';
import { DEAD_LETTERS_TABLES } from './dead-letters/tables.js';
import { jobsProjection } from './jobs/jobs.projection.js';
import { JOBS_TABLES } from './jobs/tables.js';
import { projectsProjection } from './projects/projects.projection.js';
import { PROJECTS_TABLES } from './projects/tables.js';

/** Every read-model of the gateway. */
export const PROJECTIONS = [jobsProjection, projectsProjection, deadLettersProjection] as const;

/** All their tables. */
export const READ_MODEL_TABLES = [...JOBS_TABLES, ...PROJECTS_TABLES, ...DEAD_LETTERS_TABLES] as const;
