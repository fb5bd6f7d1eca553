import { AggregateSnapshots, ProjectionCheckpoints, type MigrationStep } from '@anime/projections';
import { DeadLetters1 } from './dead-letters-1.js';
import { JobsReadModel1 } from './jobs-read-model-1.js';
import { JobsReadModel2 } from './jobs-read-model-2.js';
import { ProjectsReadModel1 } from './projects-read-model-1.js';

/** The history of schema `gateway`. A released step never changes; a new one goes to the end. */
export const GATEWAY_MIGRATIONS: readonly MigrationStep[] = [
  { name: '001-projection-checkpoints', class: ProjectionCheckpoints },
  { name: '002-aggregate-snapshots', class: AggregateSnapshots },
  { name: '003-jobs-read-model', class: JobsReadModel1 },
  { name: '004-projects-read-model', class: ProjectsReadModel1 },
  { name: '005-dead-letters', class: DeadLetters1 },
  { name: '006-jobs-of-executors', class: JobsReadModel2 },
];
