import {
  ProjectArchivedV1,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  type EventData,
  type ProjectSettings,
} from '@anime/contracts';
import { decided, NOTHING, refused, type Decider, type Decision, type Refused } from '@anime/event-store/pure';
import { evolveProject, sameSettings, type PROJECT_EVENTS, type ProjectEvent } from './project.evolve.js';
import { NO_PROJECT, type KnownProject, type ProjectState } from './project.state.js';

/** What somebody may want of a project; `name` is the slug or id by which they call it. */
export type ProjectCommand =
  | { readonly kind: 'CreateProject'; readonly project: EventData<typeof ProjectCreatedV2> }
  | {
      readonly kind: 'ChangeSettings';
      readonly name: string;
      readonly settings: ProjectSettings;
      /** The change is meant for one of these revisions; for any when absent. */
      readonly revisions?: readonly number[] | undefined;
    }
  | { readonly kind: 'ArchiveProject'; readonly name: string };

/** Decides one command on one project. What a command wants and is so already leads to nothing: a repeat is no error. */
export function decideProject(
  command: ProjectCommand,
  project: ProjectState,
): Decision<(typeof PROJECT_EVENTS)[number]> {
  if (command.kind === 'CreateProject') return create(command.project, project);
  if (project.stage === 'absent') return notFound(command.name);
  switch (command.kind) {
    case 'ArchiveProject':
      return project.stage === 'archived' ? NOTHING : decided(ProjectArchivedV1, {});
    case 'ChangeSettings': {
      const { settings, revisions } = command;
      if (project.stage === 'archived') return archived(project.slug, 'its settings cannot change');
      // Also when it was meant for an older revision: the change is there, perhaps by this very request sent twice (RFC 9110, 13.1.1).
      if (sameSettings(project.settings, settings)) return NOTHING;
      return revisions?.includes(project.revision) === false
        ? stale(project)
        : decided(ProjectSettingsChangedV2, { settings });
    }
  }
}

/** Whether a job may be asked for in a project. */
export function admitJob(name: string, project: ProjectState): KnownProject | Refused {
  if (project.stage === 'absent') return notFound(name);
  return project.stage === 'archived' ? archived(project.slug, 'it takes no new jobs') : project;
}

function create(wanted: EventData<typeof ProjectCreatedV2>, project: ProjectState): Decision<typeof ProjectCreatedV2> {
  if (project.stage === 'absent') return decided(ProjectCreatedV2, wanted);
  if (project.stage === 'archived') return archived(project.slug, 'its slug is not free again; choose another one');
  const { title, settings } = project.created;
  if (title === wanted.title && sameSettings(settings, wanted.settings)) return NOTHING;
  return refused(
    'project-exists',
    `there is a project ${project.slug} already, made with another title or other settings: choose another slug, or change that one`,
  );
}

function notFound(name: string): Refused {
  return refused('project-not-found', `there is no project ${name}`);
}

function archived(slug: string, consequence: string): Refused {
  return refused('project-archived', `the project ${slug} is archived: ${consequence}`);
}

function stale({ slug, revision }: KnownProject): Refused {
  return refused(
    'precondition-failed',
    `the settings of ${slug} were changed since: its revision is "${revision}"; read it, and decide again`,
  );
}

export const projectDecider: Decider<ProjectState, ProjectCommand, ProjectEvent> = {
  foldVersion: 1,
  initial: NO_PROJECT,
  decide: decideProject,
  evolve: evolveProject,
};
