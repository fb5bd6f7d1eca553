import {
  ProjectArchivedV1,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  type EventData,
  type ProjectSettings,
} from '@anime/contracts';
import type { EventOf } from '@anime/event-store/pure';
import { sameJson } from '../json/same-json.js';
import type { ProjectState } from './project.state.js';

/** All that the log says about a project. */
export const PROJECT_EVENTS = [ProjectCreatedV2, ProjectSettingsChangedV2, ProjectArchivedV1] as const;
export type ProjectEvent = EventOf<(typeof PROJECT_EVENTS)[number]>;

/** Folds one event of a project. The first creation stays, nothing changes an archived one. */
export function evolveProject(project: ProjectState, event: ProjectEvent): ProjectState {
  const { position } = event;
  if (event.type === ProjectCreatedV2.type) {
    return project.stage === 'absent' ? begun(event.data, position) : project;
  }
  if (project.stage !== 'active') return project;
  if (event.type === ProjectArchivedV1.type) return { ...project, stage: 'archived', revision: position };
  const { settings } = event.data;
  return sameSettings(project.settings, settings) ? project : { ...project, settings, revision: position };
}

/** True when jobs would get the same of both. */
export function sameSettings(one: ProjectSettings, other: ProjectSettings): boolean {
  return sameJson(one, other);
}

function begun({ slug, title, settings }: EventData<typeof ProjectCreatedV2>, position: number): ProjectState {
  return { stage: 'active', slug, title, settings, revision: position, created: { title, settings, position } };
}
