import type { Project, ProjectPage } from '@anime/contracts/http';
import type { EventLog } from '@anime/event-store';
import { ProblemError } from '@anime/problem-details';
import type { JobsReadModel } from '../adapters/postgres/jobs-read-model.js';
import type { ProjectFilter, ProjectsReadModel } from '../adapters/postgres/projects-read-model.js';
import { projectIdNamed } from '../domain/project/project-name.js';
import { acknowledged } from './acknowledged.js';
import { projectLinks } from './project-links.js';
import { passed, patience, type Waiting } from './waiting.js';

export interface ProjectQueriesDeps {
  readonly reads: Pick<ProjectsReadModel, 'get' | 'list' | 'position' | 'waitFor'>;
  readonly jobs: Pick<JobsReadModel, 'counts' | 'waitFor'>;
  readonly log: Pick<EventLog, 'lastOfAggregate'>;
  /** Slug of the studio. */
  readonly studio: string;
  /** Ends every wait early. */
  readonly stopping: AbortSignal;
}

/** What people read of projects. What was acknowledged is found. */
export class ProjectQueries {
  readonly #deps: ProjectQueriesDeps;

  constructor(deps: ProjectQueriesDeps) {
    this.#deps = deps;
  }

  /** A page of projects. @throws ProblemError `bad-cursor`, `position-not-reached`, `read-model-unavailable` */
  async list({ after, wait, ...filter }: ProjectFilter & Waiting): Promise<ProjectPage> {
    const { reads, stopping } = this.#deps;
    await passed(reads, { after, wait }, stopping);
    const position = await reads.position();
    const { items, nextCursor } = await reads.list(filter);
    return { projects: items, nextCursor, position };
  }

  /**
   * One project with the number of its jobs.
   * @param name its slug or id
   * @throws ProblemError `project-not-found`, `position-not-reached`, `read-model-unavailable`, `log-unavailable`
   */
  async project(name: string, waiting: Waiting): Promise<Project> {
    const { reads, jobs, log, studio, stopping } = this.#deps;
    await Promise.all([passed(reads, waiting, stopping), passed(jobs, waiting, stopping)]);
    const id = projectIdNamed(studio, name);
    const look = { log, reads, waiting: patience(stopping) };
    const project = await acknowledged(look, 'project', id, () => reads.get(id));
    if (project === undefined) throw new ProblemError('project-not-found', `there is no project ${name}`);
    return { ...project, jobs: await jobs.counts(id), links: projectLinks(project) };
  }
}
