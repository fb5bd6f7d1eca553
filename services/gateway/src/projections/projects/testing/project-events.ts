import {
  ProjectArchivedV1,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  type EventContract,
  type EventData,
  type ProjectSettings,
} from '@anime/contracts';
import { deriveId, projectIdOf, type NewEvent } from '@anime/event-store';

/** The events of one project by name; ids and times follow from what they are. */
export function projectEvents(slug: string) {
  const id = projectIdOf('studio', slug);
  let minute = 0;
  const event = <C extends EventContract>(contract: C, data: EventData<C>): NewEvent<C> => {
    minute += 1;
    return {
      contract,
      aggregateId: id,
      data,
      id: deriveId(id, contract.name, String(minute)),
      time: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
      correlationId: deriveId(id, 'correlation'),
      actor: deriveId(id, 'actor'),
    };
  };
  return {
    id,
    created: (title = `The film \u0000 ${slug}`, settings: ProjectSettings = {}) =>
      event(ProjectCreatedV2, { slug, title, settings }),
    settingsChanged: (settings: ProjectSettings) => event(ProjectSettingsChangedV2, { settings }),
    archived: () => event(ProjectArchivedV1, {}),
  };
}

/** A project from its beginning to its end, with a change that changes nothing. */
export function projectStory(slug: string): NewEvent[] {
  const project = projectEvents(slug);
  const settings = { negativePrompt: 'blurry \uD800', waitingLimit: 3 };
  return [
    project.created(),
    project.settingsChanged(settings),
    project.settingsChanged({ waitingLimit: 3, negativePrompt: 'blurry \uD800' }),
    project.settingsChanged({ imageTemplate: 'text-to-image@1' }),
    project.archived(),
  ];
}
