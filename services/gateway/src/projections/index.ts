import { jobsProjection } from './jobs/jobs.projection.js';
import { JOBS_TABLES } from './jobs/tables.js';
import { projectsProjection } from './projects/projects.projection.js';
import { PROJECTS_TABLES } from './projects/tables.js';

/** Every read-model of the gateway. */
export const PROJECTIONS = [jobsProjection, projectsProjection] as const;

/** All their tables. */
export const READ_MODEL_TABLES = [...JOBS_TABLES, ...PROJECTS_TABLES] as const;
