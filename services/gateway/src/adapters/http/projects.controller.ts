import {
  ROUTES,
  type Project,
  type ProjectAcknowledged,
  type ProjectPage,
  type RouteInput,
} from '@anime/contracts/http';
import { Controller, Get, HttpCode, Inject, Post, Put, Res } from '@nestjs/common';
import { ProjectCommands, type ProjectChanged } from '../../commands/project-commands.js';
import { projectLinks } from '../../queries/project-links.js';
import { ProjectQueries } from '../../queries/project-queries.js';
import { CallerOf, type Caller } from './caller.js';
import { nestPath, RequestOf } from './read-request.js';
import type { Reply } from './reply.js';

type CreateProject = typeof ROUTES.createProject;
type ListProjects = typeof ROUTES.listProjects;
type GetProject = typeof ROUTES.getProject;
type ChangeSettings = typeof ROUTES.changeProjectSettings;
type ArchiveProject = typeof ROUTES.archiveProject;

@Controller()
export class ProjectsController {
  constructor(
    @Inject(ProjectCommands) private readonly commands: ProjectCommands,
    @Inject(ProjectQueries) private readonly queries: ProjectQueries,
  ) {}

  @Post(nestPath(ROUTES.createProject))
  @HttpCode(201)
  async create(
    @RequestOf(ROUTES.createProject) { headers, body }: RouteInput<CreateProject>,
    @CallerOf() { actor }: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<ProjectAcknowledged> {
    const { slug, title, settings = {} } = body;
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    const changed = await this.commands.create({ slug, title, settings }, origin);
    reply.header('location', projectLinks(changed).self);
    if (changed.replayed) reply.header('idempotency-replayed', 'true');
    return acknowledgedBy(changed, reply);
  }

  @Get(nestPath(ROUTES.listProjects))
  list(@RequestOf(ROUTES.listProjects) { query }: RouteInput<ListProjects>): Promise<ProjectPage> {
    const { archived, ...rest } = query;
    return this.queries.list({ ...rest, archived: archived === undefined ? undefined : archived === 'true' });
  }

  @Get(nestPath(ROUTES.getProject))
  async one(
    @RequestOf(ROUTES.getProject) { params, query }: RouteInput<GetProject>,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<Project> {
    const project = await this.queries.project(params.id, query);
    reply.header('etag', etag(project.revision));
    return project;
  }

  @Put(nestPath(ROUTES.changeProjectSettings))
  async changeSettings(
    @RequestOf(ROUTES.changeProjectSettings) { params, headers, body }: RouteInput<ChangeSettings>,
    @CallerOf() { actor }: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<ProjectAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    const revisions = revisionsIn(headers['if-match']);
    return acknowledgedBy(await this.commands.changeSettings(params.id, body, revisions, origin), reply);
  }

  @Post(nestPath(ROUTES.archiveProject))
  @HttpCode(200)
  async archive(
    @RequestOf(ROUTES.archiveProject) { params, headers }: RouteInput<ArchiveProject>,
    @CallerOf() { actor }: Caller,
    @Res({ passthrough: true }) reply: Reply,
  ): Promise<ProjectAcknowledged> {
    const origin = { actor, correlationId: headers['x-correlation-id'] };
    return acknowledgedBy(await this.commands.archive(params.id, origin), reply);
  }
}

function acknowledgedBy({ projectId, slug, position }: ProjectChanged, reply: Reply): ProjectAcknowledged {
  reply.header('etag', etag(position));
  return { projectId, slug, position, links: projectLinks({ slug }) };
}

function etag(revision: number): string {
  return `"${revision}"`;
}

/** The revisions that an `If-Match` names; undefined: any. */
function revisionsIn(header: string | undefined): readonly number[] | undefined {
  if (header === undefined || header.trim() === '*') return undefined;
  return [...header.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}
