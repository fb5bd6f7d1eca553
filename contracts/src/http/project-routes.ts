import { z } from 'zod';
import { APPEND_PROBLEMS, BODY_PROBLEMS, READ_PROBLEMS } from './problem-sets.js';
import { AfterQuery, ChangeHeaders, CommandHeaders, ProjectListQuery, ProjectParams } from './parameters.js';
import { CreateProjectRequest, Project, ProjectAcknowledged, ProjectPage, ProjectSettingsBody } from './project.js';
import { defineRoute, type Route, type RouteHeader } from './route.js';

const ETAG: RouteHeader = {
  description: "the project's revision; `If-Match` takes it",
  schema: z.string(),
};

/** The operations on projects, by operation id. */
export const PROJECT_ROUTES = {
  createProject: defineRoute({
    operationId: 'createProject',
    method: 'post',
    path: '/api/anime/projects',
    tag: 'projects',
    summary: 'Make a project',
    scope: 'story:write',
    description: 'Asked for again with the same body, it is answered as the first time.',
    headers: CommandHeaders,
    body: CreateProjectRequest,
    answers: {
      201: {
        description: 'The project is in the log; jobs can be asked for in it.',
        schema: ProjectAcknowledged,
        headers: {
          Location: { description: 'where the project can be read', schema: z.string() },
          ETag: ETAG,
          'Idempotency-Replayed': {
            description: '`true`: it was there already, with this title and these settings; nothing was stored',
            schema: z.literal('true'),
            optional: true,
          },
        },
      },
    },
    problems: [
      ...BODY_PROBLEMS,
      'template-not-found',
      'parameter-invalid',
      'project-exists',
      'project-archived',
      'newer-contract',
      ...APPEND_PROBLEMS,
    ],
  }),
  listProjects: defineRoute({
    operationId: 'listProjects',
    method: 'get',
    path: '/api/anime/projects',
    tag: 'projects',
    summary: 'List projects, newest first',
    scope: 'jobs:read',
    query: ProjectListQuery,
    answers: { 200: { description: 'A page of projects.', schema: ProjectPage } },
    problems: [...READ_PROBLEMS, 'bad-cursor'],
  }),
  getProject: defineRoute({
    operationId: 'getProject',
    method: 'get',
    path: '/api/anime/projects/{id}',
    tag: 'projects',
    summary: 'Read a project',
    scope: 'jobs:read',
    description: 'A project that was acknowledged is never answered with 404: the answer waits for the read-model.',
    params: ProjectParams,
    query: AfterQuery,
    answers: { 200: { description: 'The project as it is now.', schema: Project, headers: { ETag: ETAG } } },
    problems: [...READ_PROBLEMS, 'project-not-found', 'log-unavailable'],
  }),
  changeProjectSettings: defineRoute({
    operationId: 'changeProjectSettings',
    method: 'put',
    path: '/api/anime/projects/{id}/settings',
    tag: 'projects',
    summary: "Replace a project's settings",
    scope: 'story:write',
    description:
      'Holds for jobs that are asked for from then on. Settings that the project has already are answered with its revision, whatever `If-Match` says.',
    params: ProjectParams,
    headers: ChangeHeaders,
    body: ProjectSettingsBody,
    answers: {
      200: { description: 'The settings are in the log.', schema: ProjectAcknowledged, headers: { ETag: ETAG } },
    },
    problems: [
      ...BODY_PROBLEMS,
      'project-not-found',
      'template-not-found',
      'parameter-invalid',
      'project-archived',
      'precondition-failed',
      'newer-contract',
      ...APPEND_PROBLEMS,
    ],
  }),
  archiveProject: defineRoute({
    operationId: 'archiveProject',
    method: 'post',
    path: '/api/anime/projects/{id}/archive',
    tag: 'projects',
    summary: 'Close a project for new jobs',
    scope: 'story:write',
    description: 'Takes no body. Its jobs go on, its files stay, its slug is not free again.',
    params: ProjectParams,
    headers: CommandHeaders,
    answers: {
      200: { description: 'The project is archived.', schema: ProjectAcknowledged, headers: { ETag: ETAG } },
    },
    problems: [...BODY_PROBLEMS, 'project-not-found', 'newer-contract', ...APPEND_PROBLEMS],
  }),
} as const satisfies Record<string, Route>;
