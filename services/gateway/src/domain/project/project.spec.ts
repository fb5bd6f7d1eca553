import {
  ProjectArchivedV1,
  ProjectCreatedV2,
  ProjectSettingsChangedV2,
  type EventData,
  type ProjectSettings,
} from '@anime/contracts';
import type { NewEvent } from '@anime/event-store';
import { given, recordAll, testEvent } from '@anime/event-store/testing';
import type { Rows } from '@anime/projections';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { projectsProjection } from '../../projections/projects/projects.projection.js';
import type { ProjectRow } from '../../projections/projects/tables.js';
import { admitJob, projectDecider, type ProjectCommand } from './project.decide.js';
import { evolveProject, type ProjectEvent } from './project.evolve.js';
import { NO_PROJECT, type ProjectState } from './project.state.js';

const ID = '018f0000-0000-7000-8000-000000000001';
const FILM: EventData<typeof ProjectCreatedV2> = {
  slug: 'demo-film',
  title: 'Demo film',
  settings: { waitingLimit: 5 },
};
const OTHER: ProjectSettings = { checkpoint: 'other.safetensors' };
const created = testEvent(ProjectCreatedV2, ID, FILM);
const changed = (settings: ProjectSettings = OTHER) => testEvent(ProjectSettingsChangedV2, ID, { settings });
const archived = testEvent(ProjectArchivedV1, ID, {});

const create = (project = FILM): ProjectCommand => ({ kind: 'CreateProject', project });
const change = (settings: ProjectSettings = OTHER, revisions?: readonly number[]): ProjectCommand => ({
  kind: 'ChangeSettings',
  name: FILM.slug,
  settings,
  revisions,
});
const archive: ProjectCommand = { kind: 'ArchiveProject', name: FILM.slug };
const when = (history: readonly NewEvent[], command: ProjectCommand) => given(projectDecider, history).when(command);

describe('the making of a project', () => {
  it('leads to project.created', () => {
    expect(when([], create()).then(ProjectCreatedV2, FILM)).toMatchObject({ stage: 'active', ...FILM, revision: 1 });
  });

  it('has had its effect when the project began just so, whatever became of its settings since', () => {
    when([created], create()).thenNothing();
    when([created, changed()], create()).thenNothing();
  });

  it('is refused when the slug is another one’s, naming it', () => {
    for (const other of [
      { ...FILM, title: 'Another' },
      { ...FILM, settings: OTHER },
    ]) {
      when([created], create(other)).thenRefused('project-exists');
    }
    expect(when([created], create({ ...FILM, title: 'x' })).decision).toMatchObject({
      message: expect.stringContaining('demo-film'),
    });
  });

  it('is refused once the project is archived, also the same again', () => {
    when([created, archived], create()).thenRefused('project-archived');
    expect(when([created, archived], create()).decision).toMatchObject({
      message: expect.stringContaining('demo-film'),
    });
  });
});

describe('a change of settings', () => {
  it('replaces them all', () => {
    const after = when([created], change()).then(ProjectSettingsChangedV2, { settings: OTHER });
    expect(after).toMatchObject({ settings: OTHER, revision: 2, created: { settings: FILM.settings, position: 1 } });
  });

  it('is refused when it was meant for another revision, naming the current one', () => {
    when([created, changed()], change({}, [2])).then(ProjectSettingsChangedV2, { settings: {} });
    when([created, changed()], change({}, [7, 2])).then(ProjectSettingsChangedV2, { settings: {} });
    when([created, changed()], change({}, [1])).thenRefused('precondition-failed');
    expect(when([created, changed()], change({}, [1])).decision).toMatchObject({
      message: expect.stringContaining('"2"'),
    });
  });

  it('leads to nothing when the settings are those already, also for an older revision: it may be its own repeat', () => {
    when([created, changed()], change()).thenNothing();
    when([created, changed()], change(OTHER, [1])).thenNothing();
  });

  it('is refused for a project that is archived or was never made', () => {
    when([created, archived], change()).thenRefused('project-archived');
    when([created, archived], change(FILM.settings)).thenRefused('project-archived');
    when([], change()).thenRefused('project-not-found');
  });
});

describe('the archiving of a project', () => {
  it('leads to project.archived, once', () => {
    expect(when([created], archive).then(ProjectArchivedV1, {})).toMatchObject({ stage: 'archived', revision: 2 });
    when([created, archived], archive).thenNothing();
  });

  it('is refused for a project that was never made', () => when([], archive).thenRefused('project-not-found'));
});

describe('a job', () => {
  it('may be asked for in a project that is there and not archived', () => {
    const state = (...history: NewEvent[]) => given(projectDecider, history).state;
    expect(admitJob('demo-film', state(created))).toMatchObject({ slug: 'demo-film', settings: FILM.settings });
    expect(admitJob('x', state())).toMatchObject({ kind: 'refused', code: 'project-not-found' });
    expect(admitJob('x', state(created, archived))).toMatchObject({ kind: 'refused', code: 'project-archived' });
  });
});

const settings = fc.constantFrom<ProjectSettings>({}, OTHER, FILM.settings, { negativePrompt: 'x', waitingLimit: 5 });
const anyEvent = fc.oneof(
  settings.map((each) => testEvent(ProjectCreatedV2, ID, { ...FILM, settings: each })),
  settings.map(changed),
  fc.constant(0).map(() => testEvent(ProjectArchivedV1, ID, {})),
);
const anyCommand: fc.Arbitrary<ProjectCommand> = fc.oneof(
  settings.map((each) => create({ ...FILM, settings: each })),
  fc
    .tuple(settings, fc.option(fc.array(fc.nat(20)), { nil: undefined }))
    .map(([each, revisions]) => change(each, revisions)),
  fc.constant(archive),
);

/** The one row of the read-model, and the position of its last change. */
function rowAfter(events: readonly NewEvent[]): { readonly row: ProjectRow | undefined; readonly position: number } {
  let row: ProjectRow | undefined;
  let position = 0;
  const rows = { get: () => row } as object as Rows; // there is one row
  for (const event of recordAll<ProjectEvent>(events)) {
    for (const change of projectsProjection.apply(rows, event)) {
      if (!('put' in change)) throw new Error('a project never goes away');
      row = change.put as ProjectRow;
      position = event.position;
    }
  }
  return { row, position };
}

describe('the fold of a project', () => {
  it('is the same in the read-model, revision and all, whatever a log holds and in whatever order', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), (events) => {
        const state = given(projectDecider, events).state;
        const { row, position } = rowAfter(events);
        if (state.stage === 'absent') return expect(row).toBeUndefined();
        expect(row).toMatchObject({ slug: state.slug, title: state.title, settings: state.settings });
        expect(row?.archived_at !== null).toBe(state.stage === 'archived');
        expect(position).toBe(state.revision);
      }),
    );
  });

  it('lets every command be repeated, and never frees a slug or opens what is archived', () => {
    fc.assert(
      fc.property(fc.array(anyCommand, { maxLength: 20 }), (commands) => {
        let state: ProjectState = NO_PROJECT;
        let position = 0;
        for (const command of commands) {
          const decision = projectDecider.decide(command, state);
          if (decision.kind !== 'event') continue;
          expect(state.stage).not.toBe('archived');
          position += 1;
          const { contract, data } = decision;
          const [event] = recordAll<ProjectEvent>([testEvent(contract, ID, data)], position);
          const next = evolveProject(state, event!);
          expect(next).toMatchObject({ slug: FILM.slug, revision: position });
          expect(projectDecider.decide(command, next)).toEqual({ kind: 'nothing' });
          state = next;
        }
      }),
    );
  });
});
