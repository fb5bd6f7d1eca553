import type { EventData, ProjectCreatedV2, ProjectSettings } from '@anime/contracts';
import { AggregateCache, handleCommand, projectIdOf, refusal, type EventLog } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import { admitJob, projectDecider, type ProjectCommand } from '../domain/project/project.decide.js';
import { projectIdNamed } from '../domain/project/project-name.js';
import type { ProjectEvent } from '../domain/project/project.evolve.js';
import type { ProjectState } from '../domain/project/project.state.js';
import type { TemplateRegistry } from '../templates/template-registry.js';
import { lookAtLog } from '../time-limit.js';
import { eventMeta, type Origin } from './origin.js';

/** So long a look at the log is good for the next jobs of a project: a look for each would cost every request 0.2 ms. */
export const FRESH_MS = 100;

/** A project that new jobs may belong to. */
export interface ProjectForJob {
  readonly id: string;
  readonly slug: string;
  readonly settings: ProjectSettings;
}

/** A command on a project had its effect. */
export interface ProjectChanged {
  readonly projectId: string;
  readonly slug: string;
  /** Of the event that made it so: the project's revision then. */
  readonly position: number;
  /** It was so already: nothing was stored. */
  readonly replayed: boolean;
}

export interface ProjectCommandsDeps {
  readonly log: EventLog;
  /** Slug of the studio. */
  readonly studio: string;
  readonly templates: Pick<TemplateRegistry, 'resolve'>;
  /** `ce-time` of the next event. */
  readonly now: () => string;
  /** Monotonic milliseconds. */
  readonly clock: () => number;
}

/**
 * What people may do to projects, and what jobs need to know of them. All comes from the log, none from PostgreSQL: one
 * look at a project's last event says whether what is in memory still holds. What this gateway acknowledged counts for its
 * next request, and so does a project that another one made; what another one changed counts after `FRESH_MS`.
 */
export class ProjectCommands {
  readonly #deps: ProjectCommandsDeps;
  readonly #cache: AggregateCache<ProjectState, ProjectEvent>;
  /** By id: projects that could take a job when the log was asked last, and when that was. */
  readonly #fresh = new Map<string, { readonly project: ProjectForJob; readonly at: number }>();
  /** Changes that this gateway made: a look at the log that was begun before one may not have seen it. */
  #changes = 0;

  constructor(deps: ProjectCommandsDeps) {
    this.#deps = deps;
    const { log } = deps;
    const looks: Pick<EventLog, 'lastOfAggregate' | 'readAggregate'> = {
      lastOfAggregate: (aggregate, id) => lookAtLog(log.lastOfAggregate(aggregate, id)),
      readAggregate: (aggregate, id, options) => log.readAggregate(aggregate, id, options),
    };
    this.#cache = new AggregateCache(looks, projectDecider, 'project');
  }

  /** Id of the project that is called so; there may be none. @param name its slug or id */
  idOf(name: string): string {
    return projectIdNamed(this.#deps.studio, name);
  }

  /**
   * The project, for a job that is to belong to it.
   * @param name its slug or id
   * @throws ProblemError `project-not-found`, `project-archived`, `newer-contract`, `log-unavailable`
   */
  async forJob(name: string): Promise<ProjectForJob> {
    const id = this.idOf(name);
    const at = this.#deps.clock();
    const fresh = this.#fresh.get(id);
    if (fresh !== undefined && at - fresh.at < FRESH_MS) return fresh.project;
    this.#fresh.delete(id);
    const changes = this.#changes;
    const known = admitJob(name, (await this.#cache.load(id)).state);
    if ('kind' in known) {
      const { code, message } = refusal(known);
      throw new ProblemError(code, message, { errors: [{ path: '/project', message }] });
    }
    const project = { id, slug: known.slug, settings: known.settings };
    if (changes === this.#changes) this.#fresh.set(id, { project, at });
    return project;
  }

  /**
   * Makes a project; the same again is answered as the first time.
   * @throws ProblemError `project-exists`, `project-archived`, `template-not-found`, `parameter-invalid`, and what an
   *   append throws
   */
  async create(project: EventData<typeof ProjectCreatedV2>, origin: Origin): Promise<ProjectChanged> {
    await this.#checkTemplates(project.settings, '/settings');
    const id = projectIdOf(this.#deps.studio, project.slug);
    return this.#handle(id, { kind: 'CreateProject', project }, origin);
  }

  /**
   * Replaces all settings of a project.
   * @param revisions the change is meant for one of these; for any when absent
   * @throws ProblemError `project-not-found`, `project-archived`, `precondition-failed`, `template-not-found`,
   *   `parameter-invalid`, `newer-contract`, and what an append throws
   */
  async changeSettings(
    name: string,
    settings: ProjectSettings,
    revisions: readonly number[] | undefined,
    origin: Origin,
  ): Promise<ProjectChanged> {
    await this.#checkTemplates(settings, '');
    return this.#handle(this.idOf(name), { kind: 'ChangeSettings', name, settings, revisions }, origin);
  }

  /**
   * Closes a project for new jobs.
   * @throws ProblemError `project-not-found`, `newer-contract`, and what an append throws
   */
  async archive(name: string, origin: Origin): Promise<ProjectChanged> {
    return this.#handle(this.idOf(name), { kind: 'ArchiveProject', name }, origin);
  }

  async #handle(projectId: string, command: ProjectCommand, origin: Origin): Promise<ProjectChanged> {
    const create = command.kind === 'CreateProject';
    const { state, appended } = await handleCommand(this.#deps.log, projectDecider, {
      aggregate: 'project',
      aggregateId: projectId,
      command,
      meta: eventMeta(origin, this.#deps.now()),
      createOnce: create,
      cache: this.#cache,
    });
    this.#changes += 1;
    this.#fresh.delete(projectId);
    if (state.stage === 'absent') {
      if (!create || appended === undefined) throw new Error(`${command.kind} was decided on no project`);
      return { projectId, slug: command.project.slug, position: appended.position, replayed: false };
    }
    const settled = create ? state.created.position : state.revision;
    return {
      projectId,
      slug: state.slug,
      position: appended?.position ?? settled,
      replayed: appended === undefined,
    };
  }

  /** Settings name templates that are there and make what they are for. */
  async #checkTemplates({ imageTemplate, videoTemplate }: ProjectSettings, path: string): Promise<void> {
    const { templates } = this.#deps;
    if (imageTemplate !== undefined) await templates.resolve(imageTemplate, 'image', `${path}/imageTemplate`);
    if (videoTemplate !== undefined) await templates.resolve(videoTemplate, 'video', `${path}/videoTemplate`);
  }
}
