import type { ProjectSettings } from '@anime/contracts';
import type { Table } from '@anime/projections';

/** One project. Times are `ce-time`. */
export interface ProjectRow {
  readonly id: string;
  readonly slug: string;
  readonly title: string;
  readonly settings: ProjectSettings;
  readonly created_at: string;
  readonly changed_at: string;
  readonly archived_at: string | null;
}

/** The library's column `position` is the project's revision. */
export const PROJECTS: Table<ProjectRow, 'id'> = {
  name: 'projects',
  key: ['id'],
  versioned: true,
  columns: {
    id: 'uuid',
    slug: 'text',
    title: 'text',
    settings: 'json',
    created_at: 'instant',
    changed_at: 'instant',
    archived_at: 'instant?',
  },
  indexes: [{ name: 'created', columns: ['created_at', 'id'] }],
};

/** Every table of the read-model. */
export const PROJECTS_TABLES = [PROJECTS] as const;
