import { ProjectArchivedV1, ProjectCreatedV2 } from '@anime/contracts';
import type { RecordedEvent } from '@anime/event-store';
import type { Projection, RowChange, RowRef } from '@anime/projections';
import { PROJECT_EVENTS, sameSettings, type ProjectEvent } from '../../domain/project/project.evolve.js';
import { put, ref } from '../changes.js';
import { PROJECTS, PROJECTS_TABLES } from './tables.js';

/**
 * The `projects` read-model. What leaves a project as it is for its decider leaves its row as it is: the position of the
 * row's last change is the revision that `If-Match` is compared with.
 */
export const projectsProjection: Projection<ProjectEvent & RecordedEvent> = {
  name: 'projects',
  version: 1,
  tables: PROJECTS_TABLES,
  events: PROJECT_EVENTS,

  load(event): readonly RowRef[] {
    return [ref(PROJECTS, { id: event.aggregateId })];
  },

  apply(rows, event): readonly RowChange[] {
    const { aggregateId: id, time } = event;
    const project = rows.get(PROJECTS, { id });
    if (event.type === ProjectCreatedV2.type) {
      if (project !== undefined) return [];
      const { slug, title, settings } = event.data;
      return [put(PROJECTS, { id, slug, title, settings, created_at: time, changed_at: time, archived_at: null })];
    }
    if (project === undefined || project.archived_at !== null) return [];
    if (event.type === ProjectArchivedV1.type) {
      return [put(PROJECTS, { ...project, changed_at: time, archived_at: time })];
    }
    const { settings } = event.data;
    return sameSettings(project.settings, settings) ? [] : [put(PROJECTS, { ...project, settings, changed_at: time })];
  },
};
